// What decoded tokens cost in WebGPU calls, counted as `npm run bench` counts, and in memory.

import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../scripts/setup.mjs';
import { expect, full, test } from './fixtures';

type Calls = Record<string, number>;

declare global {
  interface Window {
    webgpuCalls(): Promise<Calls>;
  }
}

test.beforeEach(async ({ page, app }) => {
  await page.addInitScript({ path: join(root, 'benches/counters.js') });
  await page.goto(app);
});

const load = (page: Page, model: string) =>
  page.evaluate(async (model) => {
    window.engine = await window.minke.createEngine({ model, nCtx: 512 });
  }, model);

test('a decoded token is one pass in one submit, and makes and writes nothing', async ({ page }) => {
  await load(page, 'golden/models/qwen3-yarn4-untied.gguf');
  const { nLayer } = await page.evaluate(() => window.engine.info.model);
  const loading = await page.evaluate(() => window.webgpuCalls());
  // what must be 0 for a token is seen where it is not
  for (const name of ['bufferWrites', 'bytesWritten', 'bindGroups', 'buffers'])
    expect(loading[name]).toBeGreaterThan(0);

  const totals = await page.evaluate(async () => {
    const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];
    const totals: Calls[] = [];
    for (const max_tokens of [3, 2, 6]) {
      await window.engine.chat.completions.create({ messages, temperature: 0, max_tokens });
      totals.push(await window.webgpuCalls());
    }
    return totals;
  });
  // the first reply has read the prompt and filled the ring of staging buffers
  const [first = {}, second = {}, third = {}] = totals;
  const perToken = Object.keys(first).map((name) => {
    const of = (calls: Calls) => calls[name] ?? NaN;
    const [short, long] = [of(second) - of(first), of(third) - of(second)];
    return [name, (long - short) / 4];
  });
  expect(Object.fromEntries(perToken)).toEqual({
    dispatches: 5 * nLayer + 5,
    passes: 1,
    submits: 1,
    bufferWrites: 0,
    bytesWritten: 0,
    bindGroups: 0,
    buffers: 0,
    maps: 1,
    bytesMapped: expect.any(Number),
    encodingMs: expect.any(Number),
  });
});

/** Generates so many tokens, in replies that the context or an end token ends; how many the latter did. */
function generate(page: Page, tokens: number): Promise<number> {
  return page.evaluate(async (tokens) => {
    const messages = [{ role: 'user' as const, content: 'Go on.' }];
    let stopped = 0;
    for (let made = 0; made < tokens;) {
      const request = { messages, temperature: 100, seed: made, max_tokens: tokens - made };
      const { choices, usage } = await window.engine.chat.completions.create(request);
      made += usage.completion_tokens;
      if (choices[0]?.finish_reason === 'stop') stopped++;
    }
    return stopped;
  }, tokens);
}

const TOKENS = full ? 4_000 : 300;

test(`the heap does not grow and no GPU buffer is made during ${TOKENS} tokens`, async ({ page }) => {
  await load(page, 'golden/refuse/control-llama.gguf');
  const memory = async () => ({
    heap: await page.evaluate(() => window.engine.info.heapBytes),
    buffers: (await page.evaluate(() => window.webgpuCalls()))['buffers'],
  });
  await generate(page, 200);
  const before = await memory();
  expect(before).toEqual({ heap: expect.any(Number), buffers: expect.any(Number) });
  const start = Date.now();
  const stopped = await generate(page, TOKENS);
  console.log(`${TOKENS} tokens in ${Math.round((Date.now() - start) / 1000)} s, ${stopped} stops, with`, before);
  expect(stopped).toBeGreaterThan(1); // a reply that stops leaves tokens in flight
  expect(await memory()).toEqual(before);
});
