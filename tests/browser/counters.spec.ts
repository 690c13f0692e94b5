// What a decoded token costs in WebGPU calls, counted as `npm run bench` counts.

import { join } from 'node:path';
import { root } from '../../scripts/setup.mjs';
import { expect, SMOLLM2, test } from './fixtures';

type Calls = Record<string, number>;

declare global {
  interface Window {
    webgpuCalls(): Promise<Calls>;
  }
}

test('a decoded token is one pass in one submit, and makes and writes nothing', async ({ page, app }) => {
  await page.addInitScript({ path: join(root, 'benches/counters.js') });
  await page.goto(app);
  await page.evaluate(async (model) => {
    // Vite's bundled worker finds the wasm by its own location, which the counters' worker does not have
    window.engine = await window.minke.createEngine({ model, nCtx: 512, workerUrl: 'dist/worker.js' });
  }, SMOLLM2);
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
    dispatches: 6 * 30 + 3,
    passes: 1,
    submits: 1,
    bufferWrites: 0,
    bytesWritten: 0,
    bindGroups: 0,
    buffers: 0,
    maps: 1,
    bytesMapped: expect.any(Number),
  });
});
