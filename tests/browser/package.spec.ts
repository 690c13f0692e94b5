// The package's API, from the tarball, on a real model and on tiny ones.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as Minke from 'minke';
import { parse, string, write } from '../../scripts/gguf.mjs';
import { modelsFolder, root } from '../../scripts/setup.mjs';
import { DEEPSEEK_HEAD, expect, full, SMOLLM2, test, vectors } from './fixtures';

declare global {
  interface Window {
    minke: typeof Minke;
    engine: Minke.Engine;
  }
}

const QUESTION = [{ role: 'user' as const, content: 'What is the capital of France?' }];

test('createEngine and chat.completions in OpenAI shapes', async ({ page, app, hostile, log }) => {
  await page.goto(app);
  const load = await page.evaluate(async (model) => {
    const progress: Minke.LoadProgress[] = [];
    const times: number[] = [];
    const onProgress = (event: Minke.LoadProgress) => {
      progress.push(event);
      if (event.phase !== 'ready') times.push(performance.now());
    };
    const tuning = { matmul: 'registers', invocations: 0, attention: 'few', dots: 'floats' } as const;
    window.engine = await window.minke.createEngine({ model, nCtx: 512, tuning, onProgress });
    return { progress, times, info: window.engine.info };
  }, `${hostile}/slow`);
  expect(load.progress[0]).toMatchObject({ phase: 'download', loaded: 0, retries: 0, source: 'network' });
  expect(load.progress[1]?.total).toBe(98_362_432);
  expect(load.progress.at(-1)).toEqual({ phase: 'ready', loaded: 98_362_432, total: 98_362_432 });
  // the download goes on while the device is tested, which most of the time is compiling
  const { milliseconds } = load.info.selfTest;
  // it begins when the header has been read, which lies in the first piece
  const begun = load.progress.findIndex((event) => 'loaded' in event && event.loaded > 4 * 2 ** 20);
  const start = load.times[begun] ?? NaN;
  const longestWait = (times: number[]) => {
    const within = [
      start,
      ...times.filter((time) => time > start && time < start + milliseconds),
      start + milliseconds,
    ];
    return Math.max(...within.slice(1).map((time, i) => time - (within[i] ?? NaN)));
  };
  console.log(`waits of ${longestWait(load.times).toFixed()} of the self-test's ${milliseconds.toFixed()} ms at most`);
  expect(longestWait(load.times)).toBeLessThan(milliseconds / 2);
  const late = load.times.filter((time) => time > start + (milliseconds * 2) / 3); // as if it had waited for kernels
  expect(longestWait(late)).toBeGreaterThan(milliseconds / 2);
  expect(load.info).toMatchObject({
    nCtx: 512,
    selfTest: { failures: [] },
    model: { architecture: 'llama', nLayer: 30 },
  });
  expect(load.info.kv).toEqual({ keys: 'f16', values: 'f16' });
  // the model has 94 MiB: its weights go to the GPU and out of the heap as they come
  console.log(`wasm heap after loading: ${(load.info.heapBytes / 2 ** 20).toFixed(1)} MiB`);
  expect(load.info.heapBytes).toBeLessThan(64 * 2 ** 20);

  const whole = await page.evaluate(
    (messages) => window.engine.chat.completions.create({ messages, temperature: 0, max_tokens: 4 }),
    QUESTION,
  );
  expect(whole).toMatchObject({
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'The capital of France' }, finish_reason: 'length' }],
    usage: { completion_tokens: 4, total_tokens: whole.usage.prompt_tokens + 4 },
  });

  // the same as a stream, with a stop string that spans tokens; the prompt is still in the KV cache
  const chunks = await page.evaluate(async (messages) => {
    const all: Minke.ChatCompletionChunk[] = [];
    const stream = { stream: true as const, stream_options: { include_usage: true } };
    const request = { messages, ...stream, temperature: 0, max_tokens: 8, stop: 'al of' };
    for await (const chunk of await window.engine.chat.completions.create(request)) all.push(chunk);
    return all;
  }, QUESTION);
  expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
  expect(chunks.map((c) => c.choices[0]?.delta.content ?? '').join('')).toBe('The capit');
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
  expect(chunks.at(-1)?.choices).toEqual([]);
  expect(chunks.at(-1)?.usage?.prompt_tokens_details.cached_tokens).toBe(whole.usage.prompt_tokens - 1);
  expect(new Set(chunks.map((c) => c.id)).size).toBe(1);
  expect(log.problems).toEqual([]);
});

test('what cannot be loaded gives a typed error, and the next load works', async ({ page, app, hostile }) => {
  await page.goto(app);
  const codeOf = (model: string, options: object = {}) =>
    page.evaluate(
      async ([model, options]) => {
        const given = model.startsWith('blob:') ? new Blob([model]) : model;
        return window.minke.createEngine({ model: given, ...options }).then(
          async (engine) => (await engine.dispose(), 'loaded'),
          (error: Minke.EngineError) => [error.code, error.message],
        );
      },
      [model, options] as const,
    );
  expect(await codeOf(`${hostile}/missing`)).toEqual([
    'http',
    expect.stringContaining('/missing answered with HTTP status 404: there is no such file'),
  ]);
  expect(await codeOf(`${hostile}/html`)).toEqual(['bad_server', expect.stringContaining('web page')]);
  expect(await codeOf(`${hostile}/short`)).toEqual(['gguf_truncated', expect.stringContaining('ends at byte 20000')]);
  expect(await codeOf(`${hostile}/waits`)).toEqual(['unsupported', expect.stringContaining('t5')]);
  expect(await codeOf('http://localhost:9/closed')).toEqual(['network', expect.stringContaining('localhost:9')]);
  expect(await codeOf('blob: no model')).toEqual(['not_gguf', expect.stringContaining('starts with "blob"')]);
  expect(await codeOf('golden/refuse/gemma2.gguf')).toEqual(['unsupported', expect.stringContaining('gemma2')]);
  expect(await codeOf('golden/refuse/tensor-type-200.gguf')).toEqual([
    'tensor_type',
    expect.stringMatching(/blk\.0\.ffn_down\.weight.*200/),
  ]);
  expect(await codeOf('golden/refuse/control-qwen2.gguf', { nCtx: 100_000_000 })).toEqual([
    expect.stringMatching(/context_full|out_of_memory|too_large/),
    expect.stringContaining('100000000'),
  ]);
  expect(await codeOf('golden/refuse/control-qwen2.gguf', { kv: 'q8_0' })).toEqual([
    'unsupported',
    expect.stringMatching(/head_dim.*q8_0.*16/),
  ]);
  for (const param of ['workerUrl', 'wasmUrl'])
    expect(await codeOf('never read', { [param]: 'not/there' })).toEqual([
      'worker',
      expect.stringMatching(new RegExp(`cannot be loaded \\(${param}: .*not/there\\)`)),
    ]);
  expect(await codeOf(`${hostile}/gzip`, { kv: 'f16' })).toBe('loaded');
  const aborted = await page.evaluate(async (model) => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const loading = window.minke.createEngine({ model, signal: controller.signal, onProgress });
    return loading.catch((error: Error) => error.name);
  }, SMOLLM2);
  expect(aborted).toBe('AbortError');
});

const tinyModel = () => parse(readFileSync(join(vectors, 'refuse/control-qwen2.gguf')));

/** Writes a model to where the server finds it; its address. */
function served(name: string, model: { entries: object[]; tensors: object[] }): string {
  writeFileSync(join(modelsFolder, name), write(model));
  return `models/${name}`;
}

/** A tiny model whose template is `template`. */
function withTemplate(template: string): string {
  const { entries, tensors } = tinyModel();
  const changed = entries.map((entry) =>
    entry.key === 'tokenizer.chat_template' ? { ...entry, value: string(template) } : entry,
  );
  return served('tiny-template.gguf', { entries: changed, tensors });
}

/** Nothing is ever measured so. */
const OTHER_TUNING = { matmul: 'workgroup', invocations: 54_321, attention: 'few', dots: 'floats' } as const;

test('what a request or a caller asks for is done, or refused by name', async ({ page, app }) => {
  await page.goto(app);
  const template = '{{ messages[0].content }}{% for tool in tools %}{{ tool.function.name }}{% endfor %}';
  const device = await page.evaluate(
    async ([model, tuning]) => {
      window.engine = await window.minke.createEngine({ model, tuning });
      const kept = await (await caches.open('minke-tuning')).keys();
      return { tuning: window.engine.info.device.tuning, kept: kept.length };
    },
    [withTemplate(template), OTHER_TUNING] as const,
  );
  expect(device).toEqual({ tuning: OTHER_TUNING, kept: 0 });
  const ask = (request: object) =>
    page.evaluate((request) => {
      const messages = [{ role: 'user' as const, content: 'Hello' }];
      const whole = { messages, max_tokens: 1, ...request, stream: false as const };
      return window.engine.chat.completions.create(whole).then(
        ({ usage }) => usage.prompt_tokens,
        (error: Minke.EngineError) => [error.code, error.message],
      );
    }, request as Partial<Minke.ChatCompletionRequest>);
  const alone = await ask({ n: 1, response_format: { type: 'text' }, user: 'of no concern' });
  expect(alone).toBeGreaterThan(0);
  const tools: Minke.ChatCompletionRequest['tools'] = [{ type: 'function', function: { name: 'weather' } }];
  expect(await ask({ tools })).toBeGreaterThan(Number(alone));

  const [first, second, other] = await page.evaluate(async (messages) => {
    const ask = async (seed: number) => {
      const request = { messages, max_tokens: 8, temperature: 100, top_p: 1, seed };
      return (await window.engine.chat.completions.create(request)).choices[0]?.message.content;
    };
    return [await ask(7), await ask(7), await ask(8)];
  }, QUESTION);
  expect(second, 'the same seed').toBe(first);
  expect(other).not.toBe(first);

  // an answer that has begun goes on
  const begun = [...QUESTION, { role: 'assistant' as const, prefix: true, content: 'It is' }];
  expect(await page.evaluate((messages) => window.engine.applyChatTemplate(messages), begun)).toBe(
    'What is the capital of France?It is',
  );
  expect(await ask({ messages: begun })).toBeGreaterThan(Number(await ask({ messages: QUESTION })));

  for (const [request, message] of [
    [{ n: 0 }, 'n: it must be an integer from 1 to 128'],
    [{ stream_options: {} }, 'stream_options: they are for a stream: stream must be true'],
    [{ tool_choice: 'required' }, /^tool_choice: there are no tools/],
    [{ max_tokens: 0 }, 'max_tokens: it must be at least 1'],
    [{ messages: begun.toReversed() }, /^messages\[0\].prefix: only the last/],
    [{ response_format: { type: 'xml' } }, /^response_format: .*xml/],
    [{ top_logprobs: 2 }, 'top_logprobs: it needs logprobs: true'],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs: 21 is more than 20'],
  ] as const) {
    const words: unknown = typeof message === 'string' ? message : expect.stringMatching(message);
    expect(await ask(request)).toEqual(['invalid_request', words]);
  }

  // abort by signal, by breaking out of the stream, and by dispose; the engine stays usable until then
  const ends = await page.evaluate(async (messages) => {
    const { completions } = window.engine.chat;
    const codeOf = (error: unknown) => (error instanceof window.minke.EngineError ? error.code : String(error));
    const greedy = async () => {
      const { choices } = await completions.create({ messages, temperature: 0, max_tokens: 2 });
      return choices[0]?.message.content;
    };
    const before = await greedy();
    const controller = new AbortController();
    const aborted = completions.create({ messages, signal: controller.signal }).then(String, codeOf);
    setTimeout(() => controller.abort(), 100);
    const ends = [await aborted];
    for await (const chunk of await completions.create({ messages, stream: true, temperature: 0 })) {
      if (chunk.choices[0]?.delta.content) break;
    }
    ends.push((await greedy()) === before ? 'as before' : 'another reply');
    ends.push(await completions.create({ messages, temperature: -1 }).then(String, codeOf));
    ends.push(await completions.create({ messages: 'hello' as never }).then(String, codeOf));
    const [unsendable] = messages.map((message) => ({ ...message, print: () => {} }));
    ends.push(await completions.create({ messages: [unsendable as never] }).then(String, codeOf));
    const running = completions.create({ messages }).then(String, codeOf);
    await window.engine.dispose();
    ends.push(await running, await completions.create({ messages }).then(String, codeOf));
    return ends;
  }, QUESTION);
  const invalid = Array<string>(3).fill('invalid_request');
  expect(ends).toEqual(['aborted', 'as before', ...invalid, 'aborted', 'aborted']);
});

/** A tiny model with the tokenizer of DeepSeek R1 Distill Qwen 7B: 152,064 tokens and their merges. */
function withLargeVocabulary(): string {
  const large = parse(readFileSync(join(root, '.cache', DEEPSEEK_HEAD)));
  const { entries, tensors } = tinyModel();
  const isText = ({ key }: { key: string }) => key.startsWith('tokenizer.');
  const [embedding, ...others] = tensors;
  const shape = [32, 152_064];
  const data = Buffer.alloc(152_064 * 34); // a row is one block of Q8_0
  return served('tiny-152k.gguf', {
    entries: [...entries.filter((entry) => !isText(entry)), ...large.entries.filter(isText)],
    tensors: [{ ...embedding, shape, data }, ...others],
  });
}

test('the heap stays under 64 MiB with a vocabulary of 152 k', async ({ page, app }) => {
  await page.goto(app);
  const { model, heapBytes } = await page.evaluate(async (model) => {
    const engine = await window.minke.createEngine({ model, nCtx: 64 });
    await engine.dispose();
    return engine.info;
  }, withLargeVocabulary());
  expect(model.nVocab).toBe(152_064);
  console.log(`wasm heap after loading 152 k tokens: ${(heapBytes / 2 ** 20).toFixed(1)} MiB`);
  expect(heapBytes).toBeLessThan(64 * 2 ** 20);
});

test('what was measured is kept for the next load, and nothing else is', async ({ page, app }) => {
  test.skip(!full, 'only in full runs');
  await page.goto(app);
  const tuningOf = (options: object = {}) =>
    page.evaluate(async (options) => {
      const engine = await window.minke.createEngine({ model: 'golden/refuse/control-qwen2.gguf', ...options });
      await engine.dispose();
      return engine.info.device.tuning;
    }, options);
  /** What is kept, by its address. */
  const kept = async () => {
    const entries = await page.evaluate(async () => {
      const cache = await caches.open('minke-tuning');
      const keys = await cache.keys();
      return Promise.all(keys.map(async (key) => [key.url, await (await cache.match(key))?.text()] as const));
    });
    return Object.fromEntries(entries.map(([url, text]) => [url, JSON.parse(text ?? '') as unknown]));
  };
  const keep = (url: string, tuning: object) =>
    page.evaluate(async ([url, text]) => (await caches.open('minke-tuning')).put(url, new Response(text)), [
      url,
      JSON.stringify(tuning),
    ] as const);

  const measured = await tuningOf();
  const [url = ''] = Object.keys(await kept());
  expect(await kept()).toEqual({ [url]: measured });

  const ofDefaultLimits = url.replace(/[^/]+$/, 'true');
  await keep(url, OTHER_TUNING);
  await keep(ofDefaultLimits, { ...OTHER_TUNING, attention: 'all' });
  const again = await tuningOf({ defaultLimits: true });
  expect(again, 'in place of what is no tuning').not.toMatchObject({ invocations: OTHER_TUNING.invocations });
  expect(await kept()).toEqual({ [url]: OTHER_TUNING, [ofDefaultLimits]: again });

  // a worker of another origin is a blob that imports it; so is this one
  const workerUrl = await page.evaluate(() => {
    const script = `import ${JSON.stringify(new URL('dist/worker.js', location.href).href)};`;
    return URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  });
  expect(await tuningOf({ workerUrl })).toEqual(OTHER_TUNING);
});
