// The engine as golden.spec.ts, tiers.spec.ts and wgsl.spec.ts drive it: golden/ in a page, and the comparators.

import type { Page } from '@playwright/test';
import type { DeviceOptions, EngineInfo, KvTypes } from '../../web/src/protocol';

type Bindings = typeof import('../../.cache/golden/minke.js');

declare global {
  interface Window {
    golden: Bindings;
    kernels: import('../../.cache/golden/minke.js').GoldenKernels;
    model: import('../../.cache/golden/minke.js').GoldenModel;
    text: import('../../.cache/golden/minke.js').GoldenText;
    engineOnDevice: import('../../.cache/golden/minke.js').GoldenEngine;
    memory: WebAssembly.Memory;
  }
}

type Tier = Pick<EngineInfo['device'], 'subgroups' | 'tuning'>;

/** Enough of a GGUF file to hold its header. */
const HEADER = 8 << 20;

export async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.evaluate(async () => {
    const path = '/wasm/minke.js';
    window.golden = (await import(path)) as Bindings;
    window.memory = (await window.golden.default({ module_or_path: '/wasm/minke_bg.wasm' })).memory;
  });
}

/** What the adapter offers of that which tiers differ in. */
export function offers(page: Page): Promise<{ name: string; smallestSubgroup: number }> {
  return page.evaluate(async () => {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) throw new Error('no adapter');
    const { architecture, subgroupMinSize } = adapter.info as GPUAdapterInfo & { subgroupMinSize?: number };
    return {
      name: architecture,
      smallestSubgroup: adapter.features.has('subgroups') ? (subgroupMinSize ?? 0) : 0,
    };
  });
}

/** Opens the device for kernels; asks for subgroups as the package's worker does, for all later devices of the page. */
export function openKernels(page: Page, options: DeviceOptions): Promise<Tier> {
  return page.evaluate(async (options) => {
    const path = '/wasm/adapter.js';
    const { bestAdapter, prepareDevice } = (await import(path)) as typeof import('../../web/src/adapter');
    window.kernels = await window.golden.GoldenKernels.open(prepareDevice(await bestAdapter(), options));
    return window.kernels.caps() as Tier;
  }, options);
}

/** matvec, matmul and embedded rows, see golden/main.rs. */
export function runKernels(
  page: Page,
  ty: string,
  rows: number,
  cols: number,
  raw: Uint8Array,
  x: Float32Array,
  rowTile: number,
) {
  return page.evaluate(
    async ([ty, rows, cols, raw, x, rowTile]) =>
      (await window.kernels.run(ty, rows, cols, raw, x, rowTile)) as [Float32Array, Float32Array, Float32Array],
    [ty, rows, cols, raw, x, rowTile] as const,
  );
}

/** What the engine says of the model that was loaded last: the tier that passed the self-test, and the KV cache. */
export function modelInfo(page: Page): Promise<{ tier: string; kv: KvTypes }> {
  return page.evaluate(() => window.model.info() as { tier: string; kv: KvTypes });
}

export function loadModel(page: Page, url: string, options: DeviceOptions, nCtx: number): Promise<void> {
  return page.evaluate(
    async ([url, options, nCtx]) => {
      const file = new Uint8Array(await (await fetch(url)).arrayBuffer());
      window.model = await window.golden.GoldenModel.load(file, options, nCtx);
    },
    [url, options, nCtx] as const,
  );
}

export function freeModel(page: Page): Promise<void> {
  return page.evaluate(() => window.model.free());
}

/** The rows of logits after `positions`, joined. */
export function logits(page: Page, ids: number[], positions: number[]): Promise<Float32Array> {
  return page.evaluate(([ids, positions]) => window.model.logits(Uint32Array.from(ids), Uint32Array.from(positions)), [
    ids,
    positions,
  ] as const);
}

/** The likeliest token after `ids`, and after each of `tokens` that follow them but the last, decoded one by one. */
export function greedy(page: Page, ids: number[], tokens: number[]): Promise<number[]> {
  return page.evaluate(
    async ([ids, tokens]) => {
      let row = await window.model.logits(Uint32Array.from(ids), Uint32Array.of(ids.length - 1));
      const replied: number[] = [];
      for (const token of tokens) {
        replied.push(row.reduce((best, value, i) => (value > (row[best] ?? -Infinity) ? i : best), 0));
        if (replied.length < tokens.length) row = await window.model.decode(token);
      }
      return replied;
    },
    [ids, tokens] as const,
  );
}

/** Makes the tokenizer of a GGUF file; its ids. */
export function openText(page: Page, url: string) {
  return page.evaluate(
    async ([url, most]) => {
      const response = await fetch(url, { headers: { Range: `bytes=0-${most - 1}` } });
      window.text = new window.golden.GoldenText(new Uint8Array(await response.arrayBuffer()));
      return window.text.info() as { bos: number; eos: number; add_bos: boolean; end_ids: number[] };
    },
    [url, HEADER] as const,
  );
}

export function encode(page: Page, texts: string[], parse: boolean): Promise<number[][]> {
  return page.evaluate(([texts, parse]) => texts.map((text) => [...window.text.encode(text, parse)]), [
    texts,
    parse,
  ] as const);
}

/** The bytes of each token of each list, in hexadecimal. */
export function pieces(page: Page, lists: number[][]): Promise<string[][]> {
  return page.evaluate((lists) => {
    const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return lists.map((ids) => ids.map((id) => hex(window.text.bytes(id))));
  }, lists);
}

/** The rendered chat, or why it could not be rendered. */
export function render(page: Page, template: string, context: string, now: string) {
  return page.evaluate(
    ([template, context, now]) => {
      try {
        return { output: window.golden.render(template, context, now) };
      } catch (error) {
        return { error: String(error) };
      }
    },
    [template, context, now] as const,
  );
}

/** Bytes of the wasm heap. */
export function heapBytes(page: Page): Promise<number> {
  return page.evaluate(() => window.memory.buffer.byteLength);
}

/** The prompt that the template of a GGUF file makes of a request, or why there is none; and how long it took. */
export function prompt(page: Page, file: Buffer, request: string, addGenerationPrompt: boolean) {
  return page.evaluate(
    ([file, request, add]) => {
      const start = performance.now();
      let got: { prompt?: string; error?: string };
      try {
        const text = new window.golden.GoldenText(file);
        got = { prompt: text.prompt(request, add, '2025-01-01T00:00:00') };
      } catch (error) {
        got = { error: String(error) };
      }
      return { ...got, milliseconds: performance.now() - start };
    },
    [new Uint8Array(file), request, addGenerationPrompt] as const,
  );
}

/** Opens one device for models that are loaded one after the other. */
export function openEngine(page: Page, options: DeviceOptions): Promise<void> {
  return page.evaluate(async (options) => {
    window.engineOnDevice = await window.golden.GoldenEngine.open(options);
  }, options);
}

/** Loads a model in place of the one before, where the device has so much memory; what is wrong, if anything. */
export function loadEngine(page: Page, file: Buffer, memory?: number) {
  return page.evaluate(
    ([file, memory]) =>
      window.engineOnDevice.load(file, memory) as Promise<{ code: string; message: string } | undefined>,
    [new Uint8Array(file), memory] as const,
  );
}

export function liveBuffers(page: Page): Promise<number> {
  return page.evaluate(() => window.engineOnDevice.liveBuffers());
}

interface GoldenReply {
  reply?: { text: string; reasoning: string; finish_reason: string; prompt_tokens: number[] };
  streamed?: string;
  error?: string;
}

/** The reply to a request, or to a prompt as it is; else why there is none. */
export function reply(page: Page, request: string, prompt?: string): Promise<GoldenReply> {
  return page.evaluate(
    ([request, prompt]) =>
      window.engineOnDevice.reply(request, prompt).then(
        (got) => got as GoldenReply,
        (error: unknown) => ({ error: String(error) }),
      ),
    [request, prompt] as const,
  );
}

/** Three times: milliseconds to make a tokenizer of a file's first bytes, and to encode `text` with it. */
export function textTimes(page: Page, url: string, text: string): Promise<{ load: number; encode: number }[]> {
  return page.evaluate(
    async ([url, text, most]) => {
      const response = await fetch(url, { headers: { Range: `bytes=0-${most - 1}` } });
      const file = new Uint8Array(await response.arrayBuffer());
      return [1, 2, 3].map(() => {
        const start = performance.now();
        const made = new window.golden.GoldenText(file);
        const loaded = performance.now();
        made.encode(text, false);
        const encoded = performance.now();
        made.free();
        return { load: loaded - start, encode: encoded - loaded };
      });
    },
    [url, text, HEADER] as const,
  );
}

/** Largest difference, in units of `scale` where given; infinite where something is no number or missing. */
export function worst(got: ArrayLike<number>, want: ArrayLike<number>, scale?: ArrayLike<number>): number {
  let most = got.length === want.length ? 0 : Infinity;
  for (let i = 0; i < want.length; i++) {
    const unit = scale ? (scale[i] ?? NaN) + 1e-25 : 1; // as in the native test, a row of zeros
    const difference = Math.abs((want[i] ?? NaN) - (got[i] ?? NaN)) / unit;
    most = Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }
  return most;
}

/** Most floats that lie between two values, plus one; 0 where all are equal. */
export function ulps(got: Float32Array, want: Float32Array): number {
  const bits = (values: Float32Array) => new Int32Array(Float32Array.from(values).buffer);
  const [a, b] = [bits(got), bits(want)];
  return worst(
    a.map((bits, i) => (got[i] === want[i] ? 0 : bits)),
    b.map((bits, i) => (got[i] === want[i] ? 0 : bits)),
  );
}

export const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

/** The greedy tokens before the first that is nearly a tie. */
export function sureSteps(tokens: number[], margins: number[], least: number): number[] {
  const tie = margins.findIndex((margin) => margin < least);
  return tie < 0 ? tokens : tokens.slice(0, tie);
}
