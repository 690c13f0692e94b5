// The code in README and docs, as a user's compiler sees it, and the README's first example in a page.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { expect, test } from './fixtures';

/** What a part of a page may take for granted. */
const GIVEN = `
import type { ChatMessage, Engine } from 'minke';
declare global {
  const engine: Engine;
  const messages: ChatMessage[];
}`;

/** The code of a page, by a file name for each block. */
function programs(path: string): Record<string, string> {
  const blocks = readFileSync(join(root, path), 'utf8').matchAll(/^```(?:[jt]s|javascript|typescript)\n(.*?)^```/gms);
  const name = (i: number) => `${path.replaceAll(/\W/g, '-')}-${i}.ts`;
  return Object.fromEntries([...blocks].map(([, code], i) => [name(i), `${code}\nexport {};`]));
}

/** What `tsc --strict` says of programs. They lie inside the package, where its name means what is in dist/. */
function problems(programs: Record<string, string>): string[] {
  const folder = join(root, '.cache/readme');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, program] of Object.entries(programs)) writeFileSync(join(folder, name), program);
  const modules = { target: 'es2022', module: 'esnext', moduleResolution: 'bundler', types: [], skipLibCheck: true };
  const config = { compilerOptions: { strict: true, noEmit: true, ...modules }, files: Object.keys(programs) };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--project', folder], { cwd: folder, encoding: 'utf8' });
  return stdout.trim().split(/\n(?! )/);
}

test('all code compiles under tsc --strict, and would not if it were wrong', () => {
  const pages = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))];
  const all = pages.map((name) => programs(name === 'README.md' ? name : `docs/${name}`));
  const right: Record<string, string> = Object.assign({}, ...all);
  expect(Object.keys(right).length).toBeGreaterThan(8);
  const wrong = right['README-md-0.ts']?.replace('stream: true', `stream: 'yes'`) ?? '';
  expect(problems({ 'given.d.ts': GIVEN, ...right, 'wrong.ts': wrong })).toEqual([
    expect.stringMatching(/^wrong\.ts.*: No overload matches this call/),
  ]);
});

test('the first example runs as it is, but for its model', async ({ page, app, log }) => {
  const [code = ''] = Object.values(programs('README.md'));
  expect(code).toContain("model: 'deepseek-r1-distill-qwen-1.5b'");
  await page.goto(`${app}plain/plain.html`);
  const model = `${app}golden/refuse/control-qwen2.gguf`;
  await page.addScriptTag({ type: 'module', content: code.replace('deepseek-r1-distill-qwen-1.5b', model) });
  await expect(page.locator('body')).toHaveText(/\S/);
  expect(log.problems).toEqual([]);
});
