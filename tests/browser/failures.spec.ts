// Misuse and failure: every promise of the package settles, and its error says what was wrong.

import { spawnSync } from 'node:child_process';
import { chromium, type Page } from '@playwright/test';
import type * as Minke from 'minke';
import { chromiumArgs, chromium as chromiumPath, root } from '../../scripts/setup.mjs';
import { expect, test } from './fixtures';
import * as golden from './golden';

/** A wasm function that traps, as a panic does. */
const TRAP = `new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 116, 114, 97, 112, 0, 0, 10, 5, 1, 3, 0, 0, 11,
]))).exports.trap`;

/**
 * The package's worker without a GPU: this answers in its place what needs one, the rest is its own. A question that is a key
 * of `faults` has that happen in mid-reply.
 */
const scripted = (faults: Record<string, string> = {}) => `
  const say = (message) => postMessage(message);
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const trap = ${TRAP};
  const faults = { ${Object.entries(faults).map(([name, script]) => `${name}() { ${script} }`)} };
  addEventListener('message', async (event) => {
    const { type, id, request } = event.data;
    if (type === 'load') {
      event.stopImmediatePropagation();
      await real;
      await navigator.locks.request('granted after the one of the worker', () => {});
      say({ type: 'loaded', info: {} });
    }
    if (type !== 'complete') return;
    event.stopImmediatePropagation();
    const { content } = request.messages[0];
    if (content === 'wait') return;
    if (content === 'refuse') return say({ type: 'error', id, error: { code: 'invalid_request', message: 'no' } });
    say({ type: 'delta', id, delta: { content } });
    setTimeout(() => {
      if (faults[content]) return faults[content]();
      say({ type: 'done', id, reply: { finish_reason: 'stop', content, reasoning_content: '', logprobs: null, usage } });
    }, 50);
  });
  const real = import(WORKER);`;

/** The package's worker on the GPU, in a scope that `changes` has changed. */
const changed = (changes: string) =>
  `import ${JSON.stringify(`data:text/javascript,${encodeURIComponent(changes)}`)}; import WORKER;`;

declare global {
  interface Window {
    /** An engine with a scripted worker. */
    start(script: string): Promise<Minke.Engine>;
    ask(engine: Minke.Engine, content: string, signal?: AbortSignal): Promise<string>;
    stream(
      engine: Minke.Engine,
      content: string,
      signal?: AbortSignal,
    ): Promise<AsyncIterable<Minke.ChatCompletionChunk>>;
    read(stream: Promise<AsyncIterable<Minke.ChatCompletionChunk>>): Promise<string>;
    /** What came of it: text, or an error's class, code and words. */
    outcome(promise: Promise<unknown>): Promise<string>;
  }
}

async function prepare(page: Page): Promise<void> {
  await page.addInitScript(() => {
    window.start = (script) => {
      const text = script.replace('WORKER', JSON.stringify(new URL('dist/worker.js', location.href)));
      const workerUrl = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
      return window.minke.createEngine({ model: 'golden/refuse/control-qwen2.gguf', nCtx: 64, workerUrl });
    };
    window.ask = async (engine, content, signal) => {
      const reply = await engine.chat.completions.create({ messages: [{ role: 'user', content }], signal });
      return reply.choices[0]?.message.content ?? '';
    };
    window.stream = (engine, content, signal) =>
      engine.chat.completions.create({ messages: [{ role: 'user', content }], stream: true, signal });
    window.read = async (stream) => {
      let text = '';
      for await (const chunk of await stream) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    };
    window.outcome = (promise) =>
      promise.then(
        (value) => (value === undefined ? 'done' : String(value)),
        (error) => {
          const { EngineError } = window.minke;
          return error instanceof EngineError
            ? `${error.name} ${error.code}: ${error.message}`
            : `raw ${String(error)}`;
        },
      );
  });
}

test.beforeEach(async ({ page, app }) => {
  await prepare(page);
  await page.goto(app);
});

/** What happens in the worker, and how the page's errors tell of it. */
const FAULTS: Record<string, [script: string, words: string]> = {
  thrown: [`throw new Error('planted')`, 'Uncaught Error: planted'],
  rejected: [`Promise.reject(new Error('planted'))`, 'Error: planted'],
  trap: [`queueMicrotask(() => trap())`, 'Uncaught RuntimeError: unreachable'],
  trapInPromise: [`Promise.resolve().then(() => trap())`, 'RuntimeError: unreachable'],
  overflow: [`(function f() { f(); })()`, 'Uncaught RangeError: Maximum call stack size exceeded'],
  closed: [`close()`, 'it has ended'],
};

test('a request that its worker fails at each time ends, and those beside it go on with the next worker', async ({
  page,
}) => {
  const script = scripted(Object.fromEntries(Object.entries(FAULTS).map(([name, [script]]) => [name, script])));
  for (const [fault, [, words]] of Object.entries(FAULTS)) {
    const ends = await page.evaluate(
      async ([script, fault]) => {
        const engine = await window.start(script);
        const stream = (content: string) => window.read(window.stream(engine, content));
        const asked = [stream(fault), window.ask(engine, 'beside'), stream('wait')].map(window.outcome);
        const ends = await Promise.all(asked.slice(0, 2));
        ends.push(await window.outcome(window.ask(engine, 'later')), await window.outcome(stream('later')));
        ends.push(await window.outcome(engine.dispose()), await window.outcome(engine.dispose()));
        return [...ends, ...(await Promise.all(asked.slice(2)))];
      },
      [script, fault] as const,
    );
    const failed = `EngineError worker: the engine's worker failed: ${words}`;
    const disposed = 'AbortError aborted: the engine was disposed';
    expect(ends, fault).toEqual([failed, 'beside', 'later', 'later', 'done', 'done', disposed]);
  }
});

test('a worker that is busy for long is not taken for one that is gone', async ({ page }) => {
  const busy = `
    const end = Date.now() + 3000;
    while (Date.now() < end);
    say({ type: 'done', id: 1, reply: { content: 'at last' } });`;
  const ask = async (script: string) => window.ask(await window.start(script), 'busy');
  expect(await page.evaluate(ask, scripted({ busy }))).toBe('at last');
});

test('a worker that ends while it loads, or cannot be started, says so', async ({ page, app }) => {
  const ends = await page.evaluate(async () => {
    const start = (script: string) => window.outcome(window.start(script));
    const load = (workerUrl: string) => window.outcome(window.minke.createEngine({ model: 'never read', workerUrl }));
    return [
      await start(`const ready = import(WORKER); onmessage = () => ready.then(() => setTimeout(close, 500))`),
      await start(`onmessage = () => { throw new Error('planted') }`),
      await start(`this is no script`),
      await load('file:///worker.js'),
      await load('data:text/javascript,throw 5'),
    ];
  });
  expect(ends).toEqual([
    `EngineError worker: the engine's worker failed: it has ended`,
    `EngineError worker: the engine's worker failed: Uncaught Error: planted`,
    expect.stringMatching(
      /^EngineError worker: .* it cannot be loaded \(workerUrl: blob:.*\); worker\.js and engine\.wasm are in/,
    ),
    expect.stringContaining(`it cannot be loaded (workerUrl: file:///worker.js); worker.js and engine.wasm are in`),
    expect.stringMatching(/^EngineError worker: the engine's worker failed: Uncaught 5/),
  ]);
  const { origin } = new URL(app);
  const words = `it cannot be loaded \\(workerUrl: ${origin}/assets/worker-\\S+\\.js\\); worker\\.js and engine\\.wasm are in`;
  expect(await endUnder(page, app, "worker-src 'none'")).toMatch(new RegExp(words));
  const untrusted = "require-trusted-types-for 'script'; trusted-types other";
  expect(await endUnder(page, app, untrusted)).toMatch(
    /it cannot be started .*let its policy allow 'trusted-types minke'/,
  );
});

/** How a load ends in a page with a content security policy. */
async function endUnder(page: Page, app: string, policy: string): Promise<string> {
  await page.route(app, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), 'Content-Security-Policy': policy } });
  });
  await page.goto(app);
  const end = await page.evaluate(() => window.outcome(window.minke.createEngine({ model: 'never read' })));
  await page.unroute(app);
  return end;
}

test('what createEngine is given is checked before anything is loaded', async ({ page }) => {
  const model = 'never read';
  const models =
    'the id of a listed model, the URL of a GGUF file, a File or several, { id } of a kept model, or { url, bytes, sha256 }';
  const options: [options: unknown, words: string | RegExp][] = [
    [undefined, 'options: they must be an object with a model'],
    [null, 'options: they must be an object with a model'],
    ['model.gguf', 'options: they must be an object with a model'],
    [{}, `model: it is missing: it must be ${models}`],
    [{ model: null }, /model: it is missing/],
    [{ model: '' }, `model: it must be ${models}`],
    [{ model: 7 }, /model: it must be the id/],
    [{ model, nCtx: 0 }, 'nCtx: it must be a positive integer'],
    [{ model, nCtx: 1.5 }, 'nCtx: it must be a positive integer'],
    [{ model, nCtx: '512' }, 'nCtx: it must be a positive integer'],
    [{ model, noF16: 'yes' }, 'noF16: it must be true or false'],
    [{ model, kv: 'q4' }, 'kv: it must be f32, f16 or q8_0, or { keys, values } with one of these each'],
    [{ model, kv: { keys: 'f16' } }, /kv: it must be/],
    [{ model, tuning: 'fast' }, 'tuning: it must be like engine.info.device.tuning'],
    [{ model, signal: 5 }, 'signal: it must be an AbortSignal'],
    [{ model, onProgress: true }, 'onProgress: it must be a function'],
    [{ model: [] }, /model: it must be the id/],
    [{ model: { parts: [{}] } }, /model: it must be the id/],
    [{ model, keep: 'yes' }, 'keep: it must be true or false'],
    [{ model, mirror: 'http://' }, 'mirror: "http://" is no URL'],
    [{ model, headers: { Authorization: 5 } }, 'headers: it must be an object of texts'],
    [{ model, control: {} }, 'control: it must be a LoadControl'],
    [{ model, wasmUrl: 5 }, 'wasmUrl: it must be a URL'],
    [{ model, workerUrl: { href: 'worker.js' } }, 'workerUrl: it must be a URL'],
    [{ model, worker: {} }, 'worker: it must be a Worker, or a function that returns one'],
    [{ model: 'http://' }, 'model: "http://" is no URL'],
    [{ model, wasmUrl: 'http://' }, 'wasmUrl: "http://" is no URL'],
    [{ model, workerUrl: 'http://' }, 'workerUrl: "http://" is no URL'],
    [{ modle: model }, 'modle: createEngine has no such option: did you mean model?'],
    [{ model, n_ctx: 512 }, 'n_ctx: createEngine has no such option: did you mean nCtx?'],
    [{ model, toString: 1 }, /toString: createEngine has no such option \(there are model, keep, /],
  ];
  for (const [given, words] of options) {
    const end = await page.evaluate((given) => window.outcome(window.minke.createEngine(given as never)), given);
    const refused = `EngineError invalid_request: ${words instanceof RegExp ? words.source : words}`;
    if (words instanceof RegExp) expect(end).toMatch(new RegExp(`^${refused}`));
    else expect(end).toBe(refused);
  }
  // null is "not given": this goes as far as the worker
  const workerUrl = 'data:text/javascript,throw 5';
  const nulls = { model, workerUrl, noF16: null, nCtx: null, signal: null, onProgress: null, kv: null };
  const end = await page.evaluate((given) => window.outcome(window.minke.createEngine(given as never)), nulls);
  expect(end).toBe(`EngineError worker: the engine's worker failed: Uncaught 5`);
});

test('what a request is given is checked, and a stream is refused before it is read', async ({ page }) => {
  const requests: [request: unknown, words: string][] = [
    [undefined, 'request: it must be an object with messages'],
    [null, 'request: it must be an object with messages'],
    [{}, 'messages: it must be a list of objects, each with a role and content'],
    [{ messages: 'hello' }, 'messages: it must be a list of objects, each with a role and content'],
    [{ messages: [], signal: 5 }, 'signal: it must be an AbortSignal'],
    [
      { messages: [], max_tokens: 1, max_completion_tokens: 2 },
      'max_tokens: max_completion_tokens is given too, and means the same: give one of them',
    ],
    [{ messages: [{ role: 'user', content: 'refuse' }] }, 'no'],
    [{ messages: [{ role: 'user', content: 'refuse' }], stream: true }, 'no'],
  ];
  const ends = await page.evaluate(
    async ([script, requests]) => {
      const { chat } = await window.start(script);
      return Promise.all(requests.map((request) => window.outcome(chat.completions.create(request as never))));
    },
    [scripted(), requests.map(([request]) => request)] as const,
  );
  expect(ends).toEqual(requests.map(([, words]) => `EngineError invalid_request: ${words}`));
  const accepted = await page.evaluate(async (script) => {
    const { chat } = await window.start(script);
    const messages = [{ role: 'user' as const, content: 'hello' }];
    const request = { messages, max_tokens: 1, max_completion_tokens: null, signal: null as never };
    return (await chat.completions.create(request)).choices[0]?.message.content;
  }, scripted());
  expect(accepted).toBe('hello');
});

test('an abort is heard at once, in the queue and in a reply, and a stream need not be read', async ({ page }) => {
  const result = await page.evaluate(
    async (script) => {
      const engine = await window.start(script);
      const stream = (content: string, signal?: AbortSignal) =>
        engine.chat.completions.create({ messages: [{ role: 'user', content }], stream: true, signal });
      const queued = new AbortController();
      const running = new AbortController();
      const start = performance.now();
      const ends = [
        window.outcome(window.ask(engine, 'wait', queued.signal)),
        window.outcome(stream('wait', queued.signal)),
      ];
      queued.abort();
      const texts = await Promise.all(ends);
      const milliseconds = performance.now() - start;
      // begun, then aborted by its signal: before it is read, and while it is
      const unread = await stream('slow', running.signal);
      const read = window.outcome(window.read(stream('slow', running.signal)));
      await window.ask(engine, 'hello');
      running.abort();
      texts.push(await read, await window.outcome(window.read(Promise.resolve(unread))));
      // broken out of, and never read
      for await (const chunk of await stream('slow')) if (chunk.choices[0]?.delta.content) break;
      await stream('hello');
      const again = [await stream('one'), await stream('two')].map((given) => window.read(Promise.resolve(given)));
      texts.push(...(await Promise.all(again)));
      return { texts, milliseconds, dispose: await window.outcome(engine.dispose()) };
    },
    scripted({ slow: '' }),
  );
  const aborted = 'AbortError aborted: aborted';
  expect(result.texts).toEqual([aborted, aborted, aborted, aborted, 'one', 'two']);
  expect(result.milliseconds).toBeLessThan(50);
  expect(result.dispose).toBe('done');
});

test('dispose ends what runs, twice is fine, and so is a worker that does not answer', async ({ page }) => {
  const deaf = `onmessage = ({ data }) => {
    if (data.type === 'hello') postMessage({ type: 'started' });
    if (data.type === 'load') postMessage({ type: 'loaded', info: {} });
    if (data.type === 'dispose') for (;;);
  }`;
  const ends = (script: string) =>
    page.evaluate(async (script) => {
      const engine = await window.start(script);
      const waiting = [window.ask(engine, 'wait'), window.stream(engine, 'wait')].map(window.outcome);
      const disposed = [engine.dispose(), engine.dispose()].map(window.outcome);
      return Promise.all([...waiting, ...disposed, window.outcome(window.ask(engine, 'later'))]);
    }, script);
  const aborted = 'AbortError aborted: the engine was disposed';
  for (const script of [scripted(), deaf])
    expect(await ends(script)).toEqual([aborted, aborted, 'done', 'done', aborted]);
});

test('the object URL of a worker of another origin is revoked, however the load ends', async ({ page }) => {
  const counts = await page.evaluate(async () => {
    const urls = { made: 0, revoked: 0 };
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (blob) => (urls.made++, createObjectURL(blob));
    URL.revokeObjectURL = (url) => (urls.revoked++, revokeObjectURL(url));
    const workerUrl = (script: string) => `data:text/javascript,${encodeURIComponent(script)}`;
    const model = 'never read';
    const answers = `{ hello: { type: 'started' }, load: { type: 'loaded', info: {} } }`;
    const loads = `onmessage = ({ data }) => postMessage(${answers}[data.type])`;
    const engine = await window.minke.createEngine({ model, workerUrl: workerUrl(loads) });
    void engine.dispose();
    const after = { ...urls };
    const failed = await window.outcome(window.minke.createEngine({ model, workerUrl: workerUrl('throw 5') }));
    const controller = new AbortController();
    const options = { model, workerUrl: workerUrl('onmessage = () => {}'), signal: controller.signal };
    const aborted = window.outcome(window.minke.createEngine(options));
    controller.abort();
    return { after, failed, aborted: await aborted, urls };
  });
  expect(counts).toEqual({
    after: { made: 1, revoked: 1 },
    failed: expect.stringContaining('Uncaught 5') as unknown,
    aborted: 'AbortError aborted: aborted',
    urls: { made: 3, revoked: 3 },
  });
});

test('under Node what needs a worker says that it needs a browser', () => {
  const script = `import('minke').then(async ({ createEngine, listModels, plan }) => {
    const calls = [createEngine({ model: 'm' }), listModels(), plan({ model: 'http://localhost/m', worker: {} })];
    for (const call of calls) await call.catch((e) => console.log(e.name, e.code, e.message));
  })`;
  const { stdout } = spawnSync(process.execPath, ['--eval', script], { cwd: root, encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual([
    'EngineError unsupported createEngine needs a browser: here are no Web Workers and no WebGPU',
    'EngineError unsupported this needs a browser: here are no Web Workers and no WebGPU',
    'EngineError invalid_request worker: it must be a Worker, or a function that returns one',
  ]);
});

test('a trap in the engine’s wasm ends its worker with its device, and the engine answers until it is disposed', async ({
  page,
}) => {
  // the engine asks for the time in the middle of its own work
  const changes = `
    const trap = ${TRAP};
    const now = performance.now.bind(performance);
    addEventListener('message', ({ data }) => {
      performance.now = data.request?.messages[0].content === 'trap' ? trap : now;
    });
    const { destroy } = GPUDevice.prototype;
    GPUDevice.prototype.destroy = function () {
      new BroadcastChannel('destroyed').postMessage('');
      destroy.call(this);
    };`;
  const worker = changed(changes);
  const destroyed = await page.evaluateHandle(() => {
    const count = { times: 0 };
    new BroadcastChannel('destroyed').onmessage = () => count.times++;
    return count;
  });
  const times = () => destroyed.evaluate(({ times }) => times);
  const trapped = await page.evaluate(async (worker) => {
    const engine = await window.start(worker);
    const trap = window.outcome(window.ask(engine, 'trap'));
    return [await trap, typeof (await window.ask(engine, 'Hello')), await window.outcome(engine.dispose())];
  }, worker);
  const failed = `EngineError worker: the engine's worker failed: Uncaught RuntimeError: unreachable`;
  expect(trapped).toEqual([failed, 'string', 'done']);
  await expect.poll(times).toBe(4);

  const disposed = await page.evaluate(async (worker) => {
    const engine = await window.start(worker);
    for await (const chunk of await window.stream(engine, 'Hello')) if (chunk.choices[0]?.delta.content) break;
    const running = window.outcome(window.ask(engine, 'Hello'));
    return [await window.outcome(engine.dispose()), await running];
  }, worker);
  expect(disposed).toEqual(['done', 'AbortError aborted: the engine was disposed']);
  await expect.poll(times).toBe(5);
});

test('a panic in wasm gives its words and its place', async ({ page, golden: url }) => {
  await golden.open(page, url);
  const words = await page.evaluate(() => {
    try {
      return window.golden.panics('planted');
    } catch (error) {
      return String(error);
    }
  });
  expect(words).toMatch(/golden\/main\.rs:\d+:\d+:\nplanted$/);
});

test('a lost device costs a reply nothing, and changes nothing of what is remembered', async ({ app }) => {
  // a browser of its own, for its GPU process crashes
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: chromiumArgs('swiftshader') });
  const devtools = await browser.newBrowserCDPSession();
  const page = await browser.newPage();
  await prepare(page);
  await page.goto(app);
  const crash = () => devtools.send('Browser.crashGpuProcess');
  const model = 'golden/refuse/control-qwen2.gguf';
  const kept = (text?: string) =>
    page.evaluate(async (text) => {
      const cache = await caches.open('minke-tuning');
      const [key] = await cache.keys();
      if (key && text) await cache.put(key, new Response(text));
      return key && (await cache.match(key))?.text();
    }, text);

  await page.evaluate(async (model) => {
    window.engine = await window.minke.createEngine({ model, nCtx: 64 });
  }, model);
  const read = () =>
    page.evaluate(() => {
      const messages = [{ role: 'user' as const, content: 'Hello' }];
      const { create } = window.engine.chat.completions;
      return window.read(create({ messages, temperature: 0, stream: true }));
    });
  const whole = await read();
  const reply = read();
  await crash();
  expect(await reply).toBe(whole);
  expect(whole).not.toBe('');

  // with what is kept nothing is measured: the self-test comes at once
  const tuning = '{"matmul":"workgroup","invocations":54321,"attention":"few","dots":"floats"}';
  expect(await kept(tuning)).toBe(tuning);
  const submitted = changed(`
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (buffers) {
      submit.call(this, buffers);
      new BroadcastChannel('submitted').postMessage('');
    };`);
  const load = (script: string) => page.evaluate((script) => window.outcome(window.start(script)), script);
  await page.exposeFunction('crash', crash);
  await page.evaluate(() => {
    const { crash } = window as unknown as { crash(): void };
    new BroadcastChannel('submitted').addEventListener('message', crash, { once: true });
  });
  expect(await load(submitted)).toBe('[object Object]');
  expect(await kept()).toBe(tuning);

  // as Chromium does for a while after two crashes within two minutes
  const refused = changed('GPU.prototype.requestAdapter = async () => null');
  expect(await load(refused)).toMatch(
    /^EngineError no_adapter: this browser offers WebGPU no longer, .*restart the browser$/,
  );
  await browser.close();
});

test('a device that is lost a moment after its failures is told as lost', async ({ page }) => {
  // the first read fails when the GPU has done its work, and only then the device is lost
  const changes = `
    let lose;
    const lost = new Promise((resolve) => (lose = resolve));
    Object.defineProperty(GPUDevice.prototype, 'lost', { get: () => lost });
    let queue;
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (buffers) {
      queue = this;
      submit.call(this, buffers);
    };
    GPUBuffer.prototype.mapAsync = async () => {
      await queue.onSubmittedWorkDone();
      setTimeout(() => lose({ reason: 'unknown', message: 'planted.' }), 50);
      throw new DOMException('the buffer is gone', 'AbortError');
    };`;
  const end = await page.evaluate((script) => window.outcome(window.start(script)), changed(changes));
  expect(end).toBe('EngineError device: the GPU device was lost: planted. The model must be loaded again');
  expect(await page.evaluate(async () => (await caches.open('minke-tuning')).keys())).toEqual([]);
});
