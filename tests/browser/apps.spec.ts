// The package in apps of several kinds: how its worker starts, and what is said where it cannot.

import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Page } from '@playwright/test';
import type * as Minke from 'minke';
import { strange, weighed } from '../../scripts/package.mjs';
import { viteBuild } from './app/install';
import { expect, listening, makeStore, test } from './fixtures';

declare global {
  interface Window {
    minke: typeof Minke;
    /** A worker of the app's own file, which imports `minke/worker`. */
    ownWorker(): Worker;
  }
}

const TINY = 'golden/refuse/control-qwen2.gguf';
const TUNING = { matmul: 'registers', invocations: 0, attention: 'few', dots: 'floats' } as const;

/** Tokens of a reply, or what went wrong. */
const reply = (page: Page | Frame, model: string, own = false): Promise<number | string> =>
  page.evaluate(
    async ([model, tuning, own]) => {
      try {
        const worker = own ? { worker: window.ownWorker } : {};
        const engine = await window.minke.createEngine({ model, nCtx: 64, tuning, ...worker });
        const messages = [{ role: 'user' as const, content: 'Hello' }];
        const { usage } = await engine.chat.completions.create({ messages, temperature: 0, max_tokens: 3 });
        await engine.dispose();
        return usage.completion_tokens;
      } catch (error) {
        return String(error);
      }
    },
    [model, TUNING, own] as const,
  );

/** Whether the worker and the wasm run, which takes no GPU; what went wrong, if they do not. */
async function start(page: Page): Promise<string> {
  await makeStore(page);
  return page.evaluate(() => window.minke.listModels().then(() => 'runs', String));
}

/** Brings a copy of the package that a page did not install into it. */
const imported = (page: Page, url: string): Promise<void> =>
  page.evaluate(async (url) => {
    window.minke = (await import(url)) as typeof Minke;
  }, url);

const PACKAGE = 'node_modules/minke/dist/index.js';

test('modules as they are', async ({ page, app, log }) => {
  await page.goto(`${app}plain/plain.html`);
  expect(await reply(page, `${app}${TINY}`)).toBe(3);
  expect(log.problems).toEqual([]);
});

test('from another origin: modules, and what Vite bundles for one', async ({ page, app, cdn, installed, log }) => {
  await page.goto(app);
  await imported(page, `${cdn}${PACKAGE}`);
  expect(await start(page)).toBe('runs');

  viteBuild(installed, 'dist-cdn', `${cdn}dist-cdn/`);
  log.requests.length = 0;
  await page.goto(`${app}plain/dist-cdn/`);
  expect(await start(page)).toBe('runs');
  const worker = log.requests.filter((url) => url.includes('worker-'));
  expect(worker).toEqual([expect.stringContaining(`${cdn}dist-cdn/assets/worker-`)]);
  expect(log.problems).toEqual([]);
});

test('under Trusted Types', async ({ page, app, cdn, installed, log }) => {
  void app; // which is built
  const policy = "require-trusted-types-for 'script'; trusted-types minke page";
  // not by page.route: Chromium's worker of a page that is answered so loads nothing of another origin
  const { url, close } = await listening(
    [
      ['/plain/', installed],
      ['/', join(installed, 'dist')],
    ],
    { 'Content-Security-Policy': policy },
  );
  await page.goto(url);
  expect(await start(page)).toBe('runs');
  expect(await start(page), 'the policy is made once').toBe('runs');
  await page.goto(url); // as a second copy could not make the policy again
  await imported(page, `${cdn}${PACKAGE}`);
  expect(await start(page), 'of another origin').toBe('runs');
  expect(log.problems).toEqual([]);

  // an address of the caller's is for the caller to vouch for
  const given = await page.evaluate(async (cdn) => {
    const plain = ['plain/node_modules/minke/dist/worker.js', `${cdn}node_modules/minke/dist/worker.js`];
    const { trustedTypes } = globalThis as unknown as {
      trustedTypes: {
        createPolicy(name: string, rules: object): { createScriptURL(url: string): Minke.TrustedAddress };
      };
    };
    const page = trustedTypes.createPolicy('page', { createScriptURL: (url: string) => url });
    const workerUrls = [...plain, ...plain.map((url) => page.createScriptURL(url))];
    const outcomes = workerUrls.map((workerUrl) => window.minke.listModels({ workerUrl }).then(() => 'runs', String));
    return Promise.all(outcomes);
  }, cdn);
  close();
  const refused: unknown = expect.stringMatching(/it cannot be started .*TrustedScriptURL/);
  expect(given).toEqual([refused, refused, 'runs', 'runs']);
});

test('in a sandboxed frame', async ({ page, app, cdn }) => {
  await page.goto(app);
  await page.evaluate((src) => {
    const frame = Object.assign(document.createElement('iframe'), { src, name: 'sandboxed' });
    frame.sandbox.add('allow-scripts');
    document.body.append(frame);
  }, `${cdn}plain.html`);
  const sandboxed = () => page.frame('sandboxed');
  await expect.poll(() => sandboxed()?.evaluate(() => `${self.origin} ${typeof window.minke}`)).toBe('null object');
  expect(await reply(sandboxed() as Frame, `${cdn}${TINY}`)).toBe(3);
});

test("a worker of the app's own file", async ({ page, app }) => {
  await page.goto(app);
  await makeStore(page);
  expect(await reply(page, TINY, true), 'a function').toBe(3);
  const ends = await page.evaluate(async () => {
    const { listModels } = window.minke;
    const codeOf = ({ code, message }: Minke.EngineError) => `${code}: ${message}`;
    const list = (options: Minke.Addresses) => listModels(options).then(() => 'runs', codeOf);
    const worker = window.ownWorker();
    await new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }));
    const given = [await list({ worker }), await list({ worker })];
    const both = await list({ worker: window.ownWorker, workerUrl: 'worker.js' });
    return [...given, both, await list({ worker: (() => 5) as never })];
  });
  expect(ends).toEqual([
    'runs',
    'invalid_request: worker: this one was used already, and ended with its engine: give a function that makes one',
    'invalid_request: worker: it cannot be given together with workerUrl',
    'invalid_request: worker: the function must return a Worker',
  ]);
});

test('a given worker that is another is not waited for', async ({ page, app }) => {
  await page.clock.install();
  await page.goto(app);
  await makeStore(page);
  const end = page.evaluate(() => {
    const worker = () => new Worker(URL.createObjectURL(new Blob([])));
    return window.minke.listModels({ worker }).catch((error: unknown) => String(error));
  });
  await page.clock.runFor(60_000);
  expect(await end).toContain("it does not answer: its script must be there and run import 'minke/worker'");
});

test('worker and wasm that are not there are named by their whole address', async ({ page, app, installed }) => {
  const copy = (name: string, missing: string) => {
    cpSync(join(installed, 'node_modules/minke/dist'), join(installed, name), { recursive: true });
    rmSync(join(installed, name, missing));
    return `${app}plain/${name}/`;
  };
  await page.goto(app);
  const advice =
    "worker.js and engine.wasm are in minke's folder dist: copy both to where they are served, and say where";
  for (const [folder, file, param] of [
    [copy('no-worker', 'worker.js'), 'worker.js', 'workerUrl'],
    [copy('no-wasm', 'engine.wasm'), 'engine.wasm', 'wasmUrl'],
  ] as const) {
    await imported(page, `${folder}index.js`);
    const problem = await start(page);
    expect(problem).toContain(`cannot be loaded (${param}: ${folder}${file})`);
    expect(problem).toContain(advice);
  }
});

test('what the package should not have is seen, and what its files weigh', ({}, info) => {
  const right = ['package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/engine.wasm', 'dist/grammar.wasm'];
  const wrong = ['dist/stray.js', 'dist/index.js.map', 'dist/other.wasm', 'web/src/index.ts'];
  expect(strange([...right, ...wrong])).toEqual(wrong);
  const bytes = randomBytes(50_000); // which nothing makes smaller
  const folder = info.outputPath('dist');
  mkdirSync(folder, { recursive: true });
  const names = ['index.js', 'worker.js', 'react.js', 'engine.wasm', 'grammar.wasm'];
  for (const name of names) writeFileSync(join(folder, name), bytes);
  const [js, wasm] = weighed(folder);
  expect([js?.most, wasm?.most]).toEqual([40_000, 1_200_000]);
  expect(Math.round((js?.bytes ?? 0) / 1000)).toBe(100);
  expect(Math.round((wasm?.bytes ?? 0) / 1000)).toBe(50);
});
