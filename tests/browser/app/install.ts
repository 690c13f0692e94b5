// An app like a user's: the package is installed from its tarball and bundled by Vite without configuration.

import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { root } from '../../../scripts/setup.mjs';

function run(command: string, args: string[], cwd: string): void {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stdout}${done.stderr}`);
}

/** Packs, installs and builds, in a folder of its own for each of Playwright's workers; the folder to serve. */
export function installedApp(worker: number): string {
  const folder = join(root, `.cache/app-${worker}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run('npm', ['pack', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (!tarball) throw new Error('npm pack wrote no tarball');
  for (const name of ['package.json', 'index.html', 'main.js'])
    cpSync(join(root, 'tests/browser/app', name), join(folder, name));
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--offline', `./${tarball}`], folder);
  run(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build'], folder);
  return join(folder, 'dist');
}
