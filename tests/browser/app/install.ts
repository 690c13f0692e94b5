// An app like a user's: the package is installed from its tarball and bundled without configuration.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npm, root } from '../../../scripts/setup.mjs';

export function run(command: string, args: string[], cwd: string): void {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stdout}${done.stderr}`);
}

const vite = join(root, 'node_modules/vite/bin/vite.js');

/** Bundles an app into a folder of it, for a page at `base`. */
export const viteBuild = (folder: string, into: string, base = '/'): void =>
  run(process.execPath, [vite, 'build', '--outDir', into, '--base', base], folder);

/**
 * Packs, and installs into an app that also has the given packages from the registry; its folder, which is outside this
 * repository, because bundlers would read our tsconfig.json.
 */
export function installedApp(packages: string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'minke-app-'));
  run(npm, ['pack', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (!tarball) throw new Error('npm pack wrote no tarball');
  cpSync(join(root, 'tests/browser/app'), folder, { recursive: true });
  const from = packages.length > 0 ? packages : ['--offline'];
  run(npm, ['install', '--no-save', '--no-audit', '--no-fund', ...from, `./${tarball}`], folder);
  return folder;
}
