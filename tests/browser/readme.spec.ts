// The README's examples, as a user's compiler sees them.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { expect, test } from './fixtures';

/** The code that imports the package. */
function examples(): string[] {
  const blocks = readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```[jt]s\n(.*?)^```/gms);
  return [...blocks].map(([, code]) => code ?? '').filter((code) => code.includes(`from 'minke'`));
}

/** What `tsc --strict` says of programs. They lie inside the package, where its name means what is in dist/. */
function problems(programs: Record<string, string>): string {
  const folder = join(root, '.cache/readme');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, program] of Object.entries(programs)) writeFileSync(join(folder, name), program);
  const modules = { target: 'es2022', module: 'esnext', moduleResolution: 'bundler', types: [] };
  const config = { compilerOptions: { strict: true, noEmit: true, ...modules }, files: Object.keys(programs) };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc, '--project', folder], { cwd: folder, encoding: 'utf8' }).stdout;
}

test('the examples compile under tsc --strict, and would not if they were wrong', () => {
  const right = Object.fromEntries(examples().map((code, i) => [`example-${i}.ts`, code]));
  const wrong = right['example-0.ts']?.replace('stream: true', `stream: 'yes'`) ?? '';
  const found = problems({ ...right, 'wrong.ts': wrong })
    .trim()
    .split(/\n(?! )/);
  expect(found).toEqual([expect.stringMatching(/^wrong\.ts.*: No overload matches this call/)]);
});
