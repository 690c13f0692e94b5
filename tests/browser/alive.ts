// Engines whose GPU process, worker or page ends: what the tests of survival share.

import { type Browser, type BrowserContext, chromium, type Page, type Worker } from '@playwright/test';
import type * as Minke from 'minke';
import { chromiumArgs, chromium as chromiumPath } from '../../scripts/setup.mjs';

/** So that Chromium offers WebGPU again, however often its GPU process has crashed. */
const PATIENT = ['--disable-gpu-process-crash-limit', '--disable-domain-blocking-for-3d-apis'];

/** A wasm function that traps, as a panic does. */
const TRAP = `new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0, 10, 5, 1, 3, 0, 0, 11,
]))).exports.trap`;

/** A scope for the package's worker that tells the page what it asks of the GPU, and that the page can end. */
export const WATCHED = `
  const page = new BroadcastChannel('watched');
  const held = { buffers: 0, bytes: 0, submits: 0 };
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    held.buffers++;
    held.bytes += descriptor.size;
    return createBuffer.call(this, descriptor);
  };
  const { destroy } = GPUBuffer.prototype;
  const gone = new WeakSet();
  GPUBuffer.prototype.destroy = function () {
    if (!gone.has(this)) {
      held.buffers--;
      held.bytes -= this.size;
    }
    gone.add(this);
    destroy.call(this);
  };
  let queue;
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (buffers) {
    queue = this;
    held.submits++;
    submit.call(this, buffers);
    page.postMessage({ submits: held.submits });
  };
  const ends = {
    close: () => close(),
    trap: () => void (performance.now = ${TRAP}),
    throw: () => setTimeout(() => { throw new Error('planted'); }),
  };
  page.onmessage = ({ data }) => {
    if (data.end) ends[data.end]();
    if (data.count) page.postMessage({ held });
  };
  // when the GPU is free after an abort, and how much more was asked of it
  addEventListener('message', async ({ data }) => {
    if (data.type !== 'abort') return;
    const before = held.submits;
    await queue.onSubmittedWorkDone();
    page.postMessage({ freed: held.submits - before });
  });`;

/** A streamed reply, put together. */
export interface Heard {
  text: string;
  reasoning: string;
  calls: { id: string; name: string; arguments: string }[];
  chunks: number;
  ids: string[];
  roles: number;
  finish: string[];
  tokens: number;
}

export type Ask = Minke.ChatCompletionRequest;

declare global {
  /** Has the GPU process crash, in a page of {@link fragile}. */
  function crash(): Promise<void>;
  interface Window {
    alive: {
      load(script: string, options: Minke.EngineOptions): Promise<void>;
      engine: Minke.Engine;
      hear(stream: AsyncIterable<Minke.ChatCompletionChunk>, at?: (chunks: number) => void): Promise<Heard>;
      /** Asks; after so many chunks, `at` is called. */
      ask(request: Ask, at?: { chunks: number; then: () => unknown }): Promise<Heard>;
      tell(message: object): void;
      /** The next message of the worker that has `key`. */
      told<T>(key: string): Promise<T>;
    };
  }
}

/** Gives a page `window.alive`. */
export const alive = () => {
  const worker = new BroadcastChannel('watched');
  const hear = async (stream: AsyncIterable<Minke.ChatCompletionChunk>, at?: (chunks: number) => void) => {
    const heard: Heard = { text: '', reasoning: '', calls: [], chunks: 0, ids: [], roles: 0, finish: [], tokens: 0 };
    for await (const { id, choices, usage } of stream) {
      if (!heard.ids.includes(id)) heard.ids.push(id);
      heard.tokens += usage?.completion_tokens ?? 0;
      for (const { delta, finish_reason } of choices) {
        heard.text += delta.content ?? '';
        heard.reasoning += delta.reasoning_content ?? '';
        for (const { index, id, function: called } of delta.tool_calls ?? []) {
          if (id) heard.calls.push({ id, name: called?.name ?? '', arguments: '' });
          const call = heard.calls[index];
          if (call) call.arguments += called?.arguments ?? '';
        }
        if (delta.role) heard.roles++;
        if (finish_reason) heard.finish.push(finish_reason);
      }
      at?.(++heard.chunks);
    }
    return heard;
  };
  window.alive = {
    engine: undefined as never,
    hear,
    async load(script, options) {
      const text = `import ${JSON.stringify(`data:text/javascript,${encodeURIComponent(script)}`)};
          import ${JSON.stringify(new URL('dist/worker.js', location.href))};`;
      const workerUrl = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
      window.alive.engine = await window.minke.createEngine({ ...options, workerUrl });
    },
    async ask(request, at) {
      const stream_options = { include_usage: true };
      const stream = await window.alive.engine.chat.completions.create({ ...request, stream: true, stream_options });
      return hear(stream, (chunks) => void (chunks === at?.chunks && at.then()));
    },
    tell: (message) => worker.postMessage(message),
    told: <T>(key: string) =>
      new Promise<T>((resolve) => {
        const listen = ({ data }: MessageEvent<Record<string, T>>) => {
          if (!(key in data)) return;
          worker.removeEventListener('message', listen);
          resolve(data[key] as T);
        };
        worker.addEventListener('message', listen);
      }),
  };
};

export const prepare = (pages: Page | BrowserContext) => pages.addInitScript(alive);

export const MODEL = 'golden/refuse/control-qwen2.gguf';
/** Loads are quicker, and replies the same, where nothing is measured. */
export const tuning = { matmul: 'workgroup', invocations: 2048, attention: 'few', dots: 'floats' } as const;

export const say = (content: string, more: Partial<Ask> = {}): Ask => ({
  messages: [{ role: 'user', content }],
  temperature: 0,
  max_tokens: 24,
  ...more,
});
export const SHORT = say('Hello');
export const LONG = say('word '.repeat(30));
/** Of many different tokens, in which nothing could be missing or twice unseen. */
export const DRAWN = say('Hello', {
  temperature: 2,
  frequency_penalty: 2,
  presence_penalty: 2,
  seed: 7,
  max_tokens: 60,
});

/** What must be the same of a reply that was interrupted. */
export const essence = ({ text, reasoning, calls, roles, finish, ids, tokens }: Heard) => ({
  ...{ text, reasoning, roles, finish, tokens },
  calls: calls.map((call) => [call.name, call.arguments]),
  ids: ids.length,
});

/** Numbers from 0 to 1, the same in each run. */
export function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
}

/** A browser whose GPU process may crash; its pages, of the app, share a store. */
export async function fragile(
  app: string,
): Promise<{ browser: Browser; open: () => Promise<Page>; crashes: () => number }> {
  const args = [...chromiumArgs('swiftshader'), ...PATIENT];
  const browser = await chromium.launch({ executablePath: chromiumPath(), args });
  const devtools = await browser.newBrowserCDPSession();
  const context = await browser.newContext();
  let crashes = 0;
  await context.exposeFunction('crash', () => (crashes++, devtools.send('Browser.crashGpuProcess')));
  await prepare(context);
  const open = async () => {
    const page = await context.newPage();
    await page.goto(app);
    return page;
  };
  return { browser, open, crashes: () => crashes };
}

export const load = (page: Page, options: Partial<Minke.EngineOptions> = {}, script = WATCHED) =>
  page.evaluate(([script, options]) => window.alive.load(script, options), [
    script,
    { model: MODEL, tuning, ...options },
  ] as const);
export const ask = (page: Page, request: Ask) => page.evaluate((request) => window.alive.ask(request), request);

/** What the engine holds when it has let go of conversations: bytes of the wasm heap, and buffers of the GPU. */
export const held = (page: Page) =>
  page.evaluate(async () => {
    document.dispatchEvent(new Event('freeze'));
    await window.alive.engine.tokenize(''); // by then it has heard of it
    const told = window.alive.told<{ buffers: number; bytes: number }>('held');
    window.alive.tell({ count: true });
    const { buffers, bytes } = await told;
    return { heap: window.alive.engine.info.heapBytes, buffers, bytes };
  });

/** The names of a page's workers that run: one that has ended, which may be listed still, does not answer. */
export async function running(page: Page): Promise<string[]> {
  const nameOf = (worker: Worker) => {
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, 5000));
    return Promise.race([worker.evaluate(() => self.name).catch(() => undefined), late]);
  };
  return (await Promise.all(page.workers().map(nameOf))).filter((name) => name !== undefined);
}
