// `connect` against llama.cpp's own server, and against streams written after the formats of vLLM (0.11 and later) and of
// llama.cpp's server, whole and split at every byte. No browser and no GPU.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test as base } from '@playwright/test';
import { modelsFolder, python, pythonFolder } from '../../scripts/setup.mjs';
import { connect } from '../../web/src/connect';
import { EngineError, ServerError } from '../../web/src/errors';
import type { ChatCompletionChunk, ChatCompletionRequest, ChatEngine } from '../../web/src/types';

interface Fixtures {
  /** Has a server answer; an engine that asks it. */
  answering: (listener: RequestListener) => Promise<ChatEngine>;
}

const test = base.extend<Fixtures>({
  answering: async ({}, use) => {
    const servers: ReturnType<typeof createServer>[] = [];
    await use(async (listener) => {
      const server = createServer(listener);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, resolve));
      const { port } = server.address() as AddressInfo;
      return connect({ baseURL: `http://localhost:${port}/v1/`, apiKey: 'key', model: 'r1' });
    });
    servers.forEach((server) => (server.close(), server.closeAllConnections()));
  },
});

const messages = [{ role: 'user' as const, content: 'Weather in Paris?' }];
const streaming = { messages, stream: true as const, stream_options: { include_usage: true } };

const event = (data: object) => `data: ${JSON.stringify(data)}\n\n`;
const DONE = 'data: [DONE]\n\n';

/** A stream of choices of index 0, in a server's envelope. */
const streamOf = (envelope: object, choices: object[], last: object) =>
  choices.map((choice) => event({ ...envelope, choices: [{ index: 0, ...choice }] })).join('') +
  event({ ...envelope, choices: [], ...last }) +
  DONE;

const vllmEnvelope = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1763738578, model: 'r1' };
const vllmDelta = (delta: object) => ({ delta, logprobs: null, finish_reason: null });
const VLLM = streamOf(
  vllmEnvelope,
  [
    vllmDelta({ role: 'assistant', content: '' }),
    vllmDelta({ reasoning: 'Paris,', reasoning_content: 'Paris,' }), // some versions send both
    vllmDelta({ reasoning: ' 巴黎' }),
    vllmDelta({ reasoning_content: '.' }), // older ones
    vllmDelta({ content: 'Let me look 🐋' }),
    vllmDelta({
      tool_calls: [{ id: 'chatcmpl-tool-1', type: 'function', index: 0, function: { name: 'weather' } }],
    }),
    vllmDelta({ tool_calls: [{ index: 0, function: { arguments: '{"city": ' } }] }),
    vllmDelta({ tool_calls: [{ index: 0, function: { arguments: '"Paris"}' } }] }),
    vllmDelta({
      tool_calls: [{ id: 'chatcmpl-tool-2', type: 'function', index: 1, function: { name: 'time', arguments: '{}' } }],
    }),
    { ...vllmDelta({ content: '' }), finish_reason: 'tool_calls', stop_reason: null },
  ],
  { usage: { prompt_tokens: 9, total_tokens: 30, completion_tokens: 21, prompt_tokens_details: { cached_tokens: 4 } } },
);

const llamaDelta = (delta: object) => ({ finish_reason: null, delta });
const LLAMA = streamOf(
  { ...vllmEnvelope, system_fingerprint: 'b9554' },
  [
    llamaDelta({ role: 'assistant', content: null }),
    llamaDelta({ reasoning_content: 'Paris, 巴黎.' }),
    llamaDelta({ content: 'Let me look' }),
    llamaDelta({ content: ' 🐋' }),
    llamaDelta({
      tool_calls: [{ index: 0, id: 'chatcmpl-tool-1', type: 'function', function: { name: 'weather', arguments: '' } }],
    }),
    llamaDelta({ tool_calls: [{ index: 0, function: { arguments: '{"city": "Paris"}' } }] }),
    llamaDelta({
      tool_calls: [{ index: 1, id: 'chatcmpl-tool-2', type: 'function', function: { name: 'time', arguments: '{}' } }],
    }),
    { finish_reason: 'tool_calls', delta: {} },
  ],
  {
    usage: { completion_tokens: 21, prompt_tokens: 9, total_tokens: 30, prompt_tokens_details: { cached_tokens: 4 } },
    timings: {
      cache_n: 4,
      prompt_n: 5,
      prompt_ms: 50,
      prompt_per_second: 100,
      predicted_n: 21,
      predicted_per_second: 42,
    },
  },
);

/** What both streams say. */
const SAID = {
  reasoning: 'Paris, 巴黎.',
  content: 'Let me look 🐋',
  calls: [
    { id: 'chatcmpl-tool-1', name: 'weather', arguments: '{"city": "Paris"}' },
    { id: 'chatcmpl-tool-2', name: 'time', arguments: '{}' },
  ],
  finish: 'tool_calls',
};

/** What chunks say together. */
function said(chunks: ChatCompletionChunk[]) {
  const choices = chunks.flatMap(({ choices }) => choices);
  const calls: { id?: string; name?: string; arguments: string }[] = [];
  for (const { index, id, function: called } of choices.flatMap(({ delta }) => delta.tool_calls ?? [])) {
    const call = (calls[index] ??= { ...(id && { id }), ...(called?.name && { name: called.name }), arguments: '' });
    call.arguments += called?.arguments ?? '';
  }
  return {
    reasoning: choices.map(({ delta }) => delta.reasoning_content ?? '').join(''),
    content: choices.map(({ delta }) => delta.content ?? '').join(''),
    calls,
    finish: choices.at(-1)?.finish_reason,
  };
}

/** An engine whose server sends these bytes, in these pieces. */
function replaying(pieces: Uint8Array[], type = 'text/event-stream'): ChatEngine {
  const body = () =>
    new ReadableStream({
      start(controller) {
        pieces.forEach((piece) => controller.enqueue(piece));
        controller.close();
      },
    });
  const fetch = async () => new Response(body(), { headers: { 'content-type': type } });
  return connect({ baseURL: 'http://server.invalid/v1', fetch });
}

async function collect(engine: ChatEngine, request: Partial<ChatCompletionRequest> = {}) {
  const chunks: ChatCompletionChunk[] = [];
  for await (const chunk of await engine.chat.completions.create({ ...streaming, ...request, stream: true }))
    chunks.push(chunk);
  return chunks;
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** The code and words of what goes wrong. */
const problem = (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    (error: unknown) => (error instanceof EngineError ? [error.code, error.message] : String(error)),
  );

for (const [name, stream] of Object.entries({ VLLM, LLAMA })) {
  test(`a stream in ${name}'s format, split at every byte`, async () => {
    const whole = await collect(replaying([bytes(stream)]));
    expect(said(whole)).toEqual(SAID);
    expect(new Set(whole.map(({ id }) => id))).toEqual(new Set(['chatcmpl-1']));
    expect(whole[0]?.choices[0]?.delta.role).toBe('assistant');
    const usage = whole.at(-1)?.usage;
    expect(whole.map((chunk) => [chunk.choices.length, 'usage' in chunk]).at(-1)).toEqual([0, true]);
    expect(whole.slice(0, -1).some((chunk) => 'usage' in chunk)).toBe(false);
    expect(usage).toMatchObject({
      prompt_tokens: 9,
      completion_tokens: 21,
      prompt_tokens_details: { cached_tokens: 4 },
    });
    expect(usage?.timings).toEqual({
      time_to_first_token_ms: expect.any(Number),
      prefill_tokens_per_second: name === 'LLAMA' ? 100 : null,
      decode_tokens_per_second: name === 'LLAMA' ? 42 : null,
    });

    const text = (chunks: ChatCompletionChunk[]) =>
      JSON.stringify(chunks).replace(/("time_to_first_token_ms":)[^,]+/, '$1');
    // one of them with the other ends of lines, and a comment
    const sent = bytes(name === 'VLLM' ? `: ping\r\n\r\n${stream.replaceAll('\n', '\r\n')}` : stream);
    const splits = Array.from(sent, (_, at) => [sent.subarray(0, at), sent.subarray(at)]);
    splits.push(Array.from(sent, (byte) => Uint8Array.of(byte)));
    const wrong = [];
    for (const pieces of splits)
      if (text(await collect(replaying(pieces))) !== text(whole)) wrong.push(pieces[0]?.length);
    expect(wrong).toEqual([]);
    // other ends of lines, and an event on two of them
    const odd = stream.replace('{"id"', '{\ndata: "id"').replaceAll('\n', '\r');
    for (const pieces of [[bytes(odd)], Array.from(bytes(odd), (byte) => Uint8Array.of(byte))])
      expect(text(await collect(replaying(pieces)))).toBe(text(whole));
    const without = stream.replace(/data: .*"Let me look.*\n\n/, '');
    expect(said(await collect(replaying([bytes(without)]))), 'without one event').not.toEqual(SAID);
    const unasked = await collect(replaying([bytes(stream)]), { stream_options: null });
    expect(unasked.some((chunk) => 'usage' in chunk)).toBe(false);
  });
}

test('thoughts that a server leaves in the text are split off, where the reply starts with them', async () => {
  const contentOf = (texts: string[]) =>
    streamOf(vllmEnvelope, [...texts.map((content) => vllmDelta({ content })), { delta: {}, finish_reason: 'stop' }], {
      usage: null,
    });
  const splitOf = async (texts: string[]) => said(await collect(replaying([bytes(contentOf(texts))])));
  const reply = '\n<think>\nOne </thin king>.\n</think>\n\nTwo <think>.';
  for (let at = 0; at <= reply.length; at++)
    expect(await splitOf([reply.slice(0, at), reply.slice(at)]), `split at ${at}`).toMatchObject({
      reasoning: 'One </thin king>.',
      content: 'Two <think>.',
    });
  expect(await splitOf([...reply])).toMatchObject({ reasoning: 'One </thin king>.', content: 'Two <think>.' });
  for (const text of ['Not <think>one</think> two', '<thin', ' \n', 'one</think>two'])
    expect(await splitOf([...text])).toMatchObject({ reasoning: '', content: text });
  expect(await splitOf([...'<think>never ends </th'])).toMatchObject({ reasoning: 'never ends </th', content: '' });

  const message = { role: 'assistant', content: reply };
  const body = {
    ...vllmEnvelope,
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1 },
  };
  const whole = replaying([bytes(JSON.stringify(body))], 'application/json');
  expect((await whole.chat.completions.create({ messages })).choices[0]?.message).toEqual({
    role: 'assistant',
    content: 'Two <think>.',
    refusal: null,
    reasoning_content: 'One </thin king>.',
  });
});

test('several replies at once are told apart', async () => {
  const choice = (index: number, content: string, finish_reason: string | null = null) =>
    event({ ...vllmEnvelope, choices: [{ index, delta: { content }, finish_reason }] });
  const stream = [
    choice(0, '<thi'),
    choice(1, 'Two'),
    choice(0, 'nk>One'),
    choice(1, '<think>', 'length'),
    choice(0, '</think>1', 'stop'),
    DONE,
  ];
  const chunks = await collect(replaying(stream.map(bytes)));
  const of = (index: number) =>
    said(chunks.map((chunk) => ({ ...chunk, choices: chunk.choices.filter((choice) => choice.index === index) })));
  expect(of(0)).toMatchObject({ reasoning: 'One', content: '1', finish: 'stop' });
  expect(of(1)).toMatchObject({ reasoning: '', content: 'Two<think>', finish: 'length' });
  const roles = chunks.flatMap(({ choices }) => choices.flatMap(({ index, delta }) => (delta.role ? [index] : [])));
  expect(roles.toSorted()).toEqual([0, 1]);
  const cut = replaying(stream.filter((_, at) => at !== 4).map(bytes)); // one of them never ends
  expect(await problem(collect(cut))).toEqual(['network', expect.stringContaining('ended before')]);
});

test('what goes wrong is told in the words of the server', async ({ answering }) => {
  const answers =
    (status: number, body: string, type = 'application/json'): RequestListener =>
    (_, response) =>
      response.writeHead(status, { 'content-type': type }).end(body);
  const create = async (listener: RequestListener) => problem(collect(await answering(listener)));
  const events = 'text/event-stream';
  const begun = VLLM.split('data: ').slice(0, 4).join('data: ');
  for (const [listener, code, words] of [
    [answers(401, '{"error":{"message":"Wrong key","type":"x"}}'), 'http', /\/v1\/chat\/completions .*401: Wrong key$/],
    [answers(400, '{"object":"error","message":"Too long","code":400}'), 'http', /400: Too long$/],
    [answers(422, '{"detail":[{"msg":"Field required"}]}'), 'http', /422: .*Field required/],
    [answers(502, '<html>Bad gateway</html>', 'text/html'), 'http', /502: a web page$/],
    [answers(200, '<html></html>', 'text/html'), 'bad_server', /no JSON object: <html>/],
    [answers(200, '{"choices":[]}'), 'bad_server', /in one piece/],
    [answers(200, '{"error":{"code":400,"message":"context"}}'), 'server', /an error: context$/],
    [answers(200, 'data: {broken\n\n', events), 'bad_server', /no JSON object: {broken$/],
    [
      answers(200, begun + event({ error: { message: 'Out of memory', code: 500 } }), events),
      'server',
      /Out of memory$/,
    ],
    [
      answers(200, `${begun}error: {"code":400,"message":"context"}\n\n${DONE}`, events),
      'server',
      /an error: context$/,
    ],
    [answers(200, begun + event({ object: 'error', message: 'Died' }) + DONE, events), 'server', /Died$/],
    [answers(200, begun + DONE, events), 'network', /ended before the reply did/],
    [answers(200, DONE, events), 'network', /ended before the reply did/],
    [
      answers(200, VLLM.replace('"finish_reason":"tool_calls"', '"finish_reason":"abort"'), events),
      'bad_server',
      /"abort"/,
    ],
    [(request) => request.socket.destroy(), 'network', /no answer of http:\/\/localhost/],
  ] as [RequestListener, string, RegExp][])
    expect(await create(listener)).toEqual([code, expect.stringMatching(words)]);

  const engine = await answering(answers(429, '{"error":"Slower"}'));
  const error = await engine.chat.completions.create({ messages }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ status: 429, message: expect.stringMatching(/429: Slower$/) });

  const loop: Record<string, unknown> = {};
  loop['loop'] = loop;
  for (const [request, words] of [
    [{ overflow: 'slide' }, /^overflow: only an engine on the device/],
    [{ signal: {} }, /^signal: it must be an AbortSignal/],
    [{ metadata: loop }, /^request: .*circular/],
  ] as [object, RegExp][])
    expect(await problem(engine.chat.completions.create({ messages, ...request }))).toEqual([
      'invalid_request',
      expect.stringMatching(words),
    ]);
  expect(() => connect({ baseURL: 'nowhere' })).toThrow(/^baseURL: "nowhere" is no address/);
});

test('what is asked reaches the server as it was said, and nothing else does', async ({ answering }) => {
  const heard: object[] = [];
  const engine = await answering((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += String(piece)));
    request.on('end', () => {
      const { url, method, headers } = request;
      heard.push({ url, method, key: headers.authorization, body: body && (JSON.parse(body) as unknown) });
      const embedding = { object: 'embedding', index: 0, embedding: [0.5] };
      const data = url?.endsWith('models') ? [{ id: 'r1', object: 'model' }] : [embedding];
      response.writeHead(200, { 'content-type': 'application/json' });
      const choices = [{ index: 0, text: ' Paris', message: { content: 'Paris' }, finish_reason: 'stop' }];
      response.end(
        JSON.stringify({ ...vllmEnvelope, choices, data, usage: { prompt_tokens: 3, completion_tokens: 1 } }),
      );
    });
  });
  expect(engine.info.where).toMatch(/^http:\/\/localhost:\d+\/v1\/$/);
  expect(engine.answerNow()).toBe(false);
  const { signal } = new AbortController();
  const thinking = { type: 'enabled' as const, budget_tokens: 9 };
  await engine.chat.completions.create({ messages, thinking, temperature: 0, top_k: null, overflow: 'error', signal });
  const completion = await engine.completions.create({ prompt: 'The capital of France is', model: 'other' });
  expect(completion.choices).toEqual([{ index: 0, text: ' Paris', finish_reason: 'stop', logprobs: null }]);
  expect(completion.usage.total_tokens).toBe(4);
  expect((await engine.embeddings.create({ input: ['a'] })).data[0]?.embedding).toEqual([0.5]);
  expect((await engine.models.list()).data).toEqual([{ id: 'r1', object: 'model', created: 0, owned_by: '' }]);
  const sent = { method: 'POST', key: 'Bearer key' };
  expect(heard).toEqual([
    {
      ...sent,
      url: '/v1/chat/completions',
      body: { model: 'r1', messages, thinking, temperature: 0, overflow: 'error' },
    },
    { ...sent, url: '/v1/completions', body: { model: 'other', prompt: 'The capital of France is' } },
    { ...sent, url: '/v1/embeddings', body: { model: 'r1', input: ['a'] } },
    { ...sent, url: '/v1/models', method: 'GET', body: '' },
  ]);
});

test('leaving a stream, aborting and disposing end the exchange', async ({ answering }) => {
  let closed = () => {};
  const engine = await answering((_, response) => {
    response.on('close', () => closed());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(VLLM.split('data: ').slice(0, 4).join('data: ')); // and then nothing
  });
  const closing = () => new Promise<void>((resolve) => (closed = resolve));
  const { completions } = engine.chat;

  let ended = closing();
  for await (const chunk of await completions.create({ messages, stream: true })) if (chunk) break;
  await ended;

  ended = closing();
  const controller = new AbortController();
  const seen: unknown[] = [];
  const read = async (signal?: AbortSignal) => {
    for await (const chunk of await completions.create({ messages, stream: true, signal })) seen.push(chunk);
  };
  const reading = problem(read(controller.signal));
  await expect.poll(() => seen.length).toBeGreaterThan(1);
  controller.abort();
  expect(await reading).toEqual(['aborted', 'aborted']);
  await ended;
  expect(await problem(read(controller.signal)), 'aborted before').toEqual(['aborted', 'aborted']);

  ended = closing();
  const last = problem(read());
  await expect.poll(() => seen.length).toBeGreaterThan(3);
  await engine.dispose();
  expect(await last).toEqual(['aborted', 'the engine was disposed']);
  await ended;
  expect(await problem(read())).toEqual(['aborted', 'the engine was disposed']);
});

/** ChatML that starts to think, where it is told to. */
const TEMPLATE = `{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.reasoning_content %}<think>{{ message.reasoning_content }}</think>{% endif %}{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking %}<think>
{% endif %}{% endif %}`;

test("llama.cpp's own server", async () => {
  test.skip(!existsSync(join(pythonFolder, 'xllamacpp')), 'it is not installed: run npm run setup');
  const model = join(modelsFolder, 'smollm2-135m-instruct-q4_1.gguf');
  const script = join(import.meta.dirname, 'llama_server.py');
  const server = spawn(python(), [script, model, TEMPLATE], {
    env: { ...process.env, PYTHONPATH: pythonFolder },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const address = await new Promise<string>((resolve) => server.stdout.once('data', (text) => resolve(String(text))));
    const engine = connect({ baseURL: `${address.trim()}/v1` });
    const { completions } = engine.chat;
    const question = [{ role: 'user' as const, content: 'What is the capital of France?' }];
    const thinks = (enable_thinking: boolean) => ({ chat_template_kwargs: { enable_thinking } });
    const greedy = { messages: question, temperature: 0, max_tokens: 4, ...thinks(false) };
    const { choices, usage } = await completions.create({ ...greedy, logprobs: true, top_logprobs: 1 });
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: 'The capital of France' } });
    expect(choices[0]?.logprobs?.content.map(({ token }) => token).join('')).toBe('The capital of France');
    expect(usage).toMatchObject({ completion_tokens: 4, timings: { decode_tokens_per_second: expect.any(Number) } });

    const streamed = await collect(engine, greedy);
    expect(said(streamed)).toMatchObject({ content: 'The capital of France', reasoning: '', finish: 'length' });
    expect(streamed.at(-1)?.usage?.completion_tokens).toBe(4);

    const thinking = { ...greedy, ...thinks(true) };
    const apart = said(await collect(engine, thinking));
    expect(apart).toMatchObject({ content: '', reasoning: expect.stringMatching(/\w/) });
    // its own option, to leave thoughts in the text
    const inline = said(await collect(engine, { ...thinking, reasoning_format: 'none' } as typeof thinking));
    expect(inline.content).toBe('');
    expect(inline.reasoning).toBe(apart.reasoning.trim());

    expect(await problem(completions.create({ messages: question, temperature: 'hot' as never }))).toEqual([
      'http',
      expect.stringMatching(/HTTP status [45]00: .*type/),
    ]);
    const format = { type: 'grammar' as const, grammar: { syntax: 'regex' as const, definition: 'a' } };
    expect(await problem(completions.create({ messages: question, response_format: format }))).toEqual([
      'http',
      expect.stringContaining('got: grammar'),
    ]);
    const raw = await engine.completions.create({ prompt: 'The capital of France is', temperature: 0, max_tokens: 1 });
    expect(raw.choices[0]?.text).toBe(' Paris');
    expect((await engine.models.list()).data).toHaveLength(1);
    for await (const chunk of await completions.create({ messages: question, stream: true })) if (chunk) break;
    expect((await completions.create(greedy)).choices[0]?.message.content).toBe('The capital of France');
  } finally {
    server.stdin.end();
  }
});
