// Apps as other bundlers make them, without configuration. They come from the registry, so only full runs have them.

import { spawn } from 'node:child_process';
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { run } from './app/install';
import { expect, full, listening, makeStore, OPEN, SMOLLM2, test } from './fixtures';

test.skip(!full, 'it fetches bundlers from the registry: npm run test:full');
test.describe.configure({ timeout: 600_000 });

const WEBPACK = ['webpack@5.113.0', 'webpack-cli@7.3.1'];
const ROLLUP = ['rollup@4.68.8', '@rollup/plugin-node-resolve@16.0.3'];
const NEXT = ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1'];

/** Runs a command that an app has installed. */
const call = (folder: string, name: string, ...args: string[]) =>
  run(join(folder, 'node_modules/.bin', name), args, folder);

/** What SmolLM2 answers. */
const answer = (page: Page, model: string): Promise<string | null | undefined> =>
  page.evaluate(async (model) => {
    const engine = await window.minke.createEngine({ model, nCtx: 512 });
    const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];
    const { choices } = await engine.chat.completions.create({ messages, temperature: 0, max_tokens: 4 });
    await engine.dispose();
    return choices[0]?.message.content;
  }, model);

/** Whether worker and wasm run, with the app's own worker file too. */
async function start(page: Page, own: boolean): Promise<string> {
  await makeStore(page);
  return page.evaluate((own) => {
    const options = own ? { worker: window.ownWorker } : {};
    return window.minke.listModels(options).then(() => 'runs', String);
  }, own);
}

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => window.minke);
}

/** What `serve` finds in a folder of an app answers. */
async function answers(page: Page, folder: string): Promise<void> {
  const { url, close } = await listening([['/', folder]]);
  await open(page, url);
  expect(await answer(page, SMOLLM2)).toBe('The capital of France');
  close();
}

/** Builds with webpack for a page at `base`; a script that is no module, as it writes them. */
function webpack(folder: string, into: string, base = ''): void {
  call(folder, 'webpack', '--mode', 'production', '--entry', './main.js', '-o', into, ...publicPath(base));
  const page = `<!doctype html><link rel="icon" href="data:," /><script crossorigin src="${base}main.js"></script>`;
  writeFileSync(join(folder, into, 'index.html'), page);
}

const publicPath = (base: string) => (base === '' ? [] : ['--output-public-path', base]);

test('webpack, from its own origin and from another', async ({ page, install }) => {
  const folder = install(WEBPACK);
  webpack(folder, 'out');
  await answers(page, join(folder, 'out'));
  const own = await listening([['/', folder]]);
  await open(page, `${own.url}out/`);
  expect(await start(page, true)).toBe('runs');
  const cdn = await listening([['/', folder]], OPEN);
  webpack(folder, 'out-cdn', `${cdn.url}out-cdn/`);
  await open(page, `${own.url}out-cdn/`);
  expect(await start(page, false)).toBe('runs');
  own.close();
  cdn.close();
});

for (const bundler of ['Turbopack', 'webpack']) {
  test(`Next with ${bundler}`, async ({ page, cdn, install }) => {
    const folder = install(NEXT);
    const app = join(folder, 'app');
    renameSync(join(folder, 'next'), app);
    copyFileSync(join(folder, 'own-worker.js'), join(app, 'own-worker.js'));
    call(folder, 'next', 'build', `--${bundler.toLowerCase()}`);
    const next = spawn(process.execPath, [join(folder, 'node_modules/next/dist/bin/next'), 'start', '-p', '0'], {
      cwd: folder,
    });
    try {
      let output = '';
      for await (const text of next.stdout) if (/Ready/.test((output += String(text)))) break;
      await open(page, /http:\/\/localhost:\d+/.exec(output)?.[0] ?? '');
      expect(await answer(page, `${cdn}${SMOLLM2}`)).toBe('The capital of France');
      expect(await start(page, true)).toBe('runs');
    } finally {
      next.kill();
    }
  });
}

/** What the README says is to be done for bundlers that find neither worker nor wasm. */
const copyBoth = (folder: string) =>
  ['worker.js', 'engine.wasm'].forEach((name) =>
    copyFileSync(join(folder, 'node_modules/minke/dist', name), join(folder, 'out', name)),
  );

const COPYING: [name: string, packages: string[], args: string[]][] = [
  ['esbuild', ['esbuild@0.28.2'], ['main.js', '--bundle', '--format=esm', '--outdir=out']],
  ['rollup', ROLLUP, ['main.js', '--dir', 'out', '--format', 'es', '--plugin', '@rollup/plugin-node-resolve']],
];
for (const [name, packages, args] of COPYING) {
  test(`${name}, with worker and wasm copied`, async ({ page, install }) => {
    const folder = install(packages);
    call(folder, name, ...args);
    copyFileSync(join(folder, 'index.html'), join(folder, 'out/index.html'));
    const { url, close } = await listening([['/', join(folder, 'out')]]);
    await open(page, url);
    expect(await start(page, false), 'before').toContain(`(workerUrl: ${url}worker.js)`);
    close();
    copyBoth(folder);
    await answers(page, join(folder, 'out'));
  });
}

test('Parcel', async ({ page, install }) => {
  const folder = install(['parcel@2.16.4']);
  // to find minke/worker it would have to be told to read `exports`
  writeFileSync(join(folder, 'main.js'), `import * as minke from 'minke';\nwindow.minke = minke;\n`);
  call(folder, 'parcel', 'build', 'index.html', '--dist-dir', 'out');
  await answers(page, join(folder, 'out'));
});
