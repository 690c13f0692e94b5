// `minke/openai` under the official client, with an engine that only plays one. No browser and no GPU.

import OpenAI from 'openai';
import { createFetch } from 'minke/openai';
import { expect, test } from '@playwright/test';
import { EngineAbortError, EngineError, ServerError } from '../../web/src/errors';
import { FakeEngine, type Script, USAGE } from './clients/fake';

const CALL = { id: 'call_1', type: 'function' as const, function: { name: 'weather', arguments: '{"city":"Paris"}' } };

function clientOf(script: Script) {
  const engine = new FakeEngine(script);
  const client = new OpenAI({
    baseURL: 'http://engine.invalid/v1',
    apiKey: 'none',
    dangerouslyAllowBrowser: true,
    fetch: createFetch(engine),
  });
  return { engine, client };
}

const question = { model: 'fake', messages: [{ role: 'user' as const, content: 'Weather in Paris?' }] };

test('a reply, whole and as a stream, with reasoning, tools and usage', async () => {
  const { engine, client } = clientOf({ reasoning: 'Paris, 巴黎', content: 'A 🐋', calls: [CALL] });
  const whole = await client.chat.completions.create({ ...question, temperature: 0 });
  expect(whole.choices[0]).toMatchObject({
    finish_reason: 'tool_calls',
    message: { content: 'A 🐋', reasoning_content: 'Paris, 巴黎', tool_calls: [CALL] },
  });
  expect(whole.usage).toEqual(USAGE);
  expect(engine.requests[0]).toEqual({ ...question, temperature: 0, signal: expect.any(AbortSignal) });

  // its own helper puts the chunks together
  const stream = client.chat.completions.stream({ ...question, stream_options: { include_usage: true } });
  let reasoning = '';
  for await (const { choices } of stream)
    reasoning += (choices[0]?.delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? '';
  expect(reasoning).toBe('Paris, 巴黎');
  const final = await stream.finalChatCompletion();
  expect(final.choices[0]?.message).toMatchObject({ content: 'A 🐋', tool_calls: [CALL] });
  expect(final.usage).toEqual(USAGE);
});

test('raw completions, embeddings and models', async () => {
  const { engine, client } = clientOf({ content: 'Paris' });
  expect((await client.completions.create({ model: 'fake', prompt: 'The capital' })).choices[0]?.text).toBe('Paris');
  const vector = [3, 0.5, -1e-3];
  const ask = async (encoding_format?: 'float') => {
    const given = encoding_format ? { encoding_format } : {};
    const { data } = await client.embeddings.create({ model: 'fake', input: ['abc', 'de'], ...given });
    return data.map(({ embedding }) => embedding);
  };
  expect((await ask('float'))[0]).toEqual(vector);
  expect((await ask())[0], 'as base64, which the client asks for itself').toEqual([...new Float32Array(vector)]);
  expect((await ask())[1]?.[0]).toBe(2);
  expect(engine.requests.at(-1)).toMatchObject({ input: ['abc', 'de'] });
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  expect(models).toEqual(['fake']);
});

test('errors are the client’s own, and nothing is tried again in vain', async () => {
  const fail = async (error: EngineError, after = 0) => {
    const { engine, client } = clientOf({ content: 'A whale', failure: { after, error } });
    const reading = async () => {
      for await (const chunk of await client.chat.completions.create({ ...question, stream: true })) void chunk;
    };
    const thrown: unknown = await reading().catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(OpenAI.APIError);
    const { status, code, param, message } = thrown as InstanceType<typeof OpenAI.APIError>;
    expect(engine.requests).toHaveLength(1);
    return { status, code, param, message };
  };
  expect(await fail(new EngineError('invalid_request', 'top_p: it must be at most 1'))).toEqual({
    status: 400,
    code: 'invalid_request',
    param: 'top_p',
    message: '400 top_p: it must be at most 1',
  });
  expect(await fail(new EngineError('context_full', 'full'))).toMatchObject({
    status: 400,
    code: 'context_full',
    param: null,
  });
  expect(await fail(new EngineError('worker', 'gone'))).toMatchObject({ status: 500, code: 'worker' });
  expect(await fail(new ServerError(429, 'slower'))).toMatchObject({ status: 429, code: 'http' });
  expect(await fail(new EngineError('device_lost', 'lost'), 2), 'in the middle').toMatchObject({
    code: 'device_lost',
    message: 'lost',
  });
  const { client } = clientOf({});
  const missing: unknown = await client.images.generate({ prompt: 'A whale' }).catch((error: unknown) => error);
  expect(missing).toBeInstanceOf(OpenAI.NotFoundError);
  const fetch = createFetch(new FakeEngine({}));
  expect((await fetch('http://engine.invalid/v1/embeddings', { method: 'POST', body: '{' })).status).toBe(400);
  expect((await fetch('http://engine.invalid/v1/models', { method: 'DELETE' })).status).toBe(404);
});

test('breaking out, aborting and disposing reach the engine', async () => {
  const { engine, client } = clientOf({ content: 'A whale swims', hang: 3 });
  for await (const chunk of await client.chat.completions.create({ ...question, stream: true })) if (chunk) break;
  await expect.poll(() => engine.left).toBe(1);
  const controller = new AbortController();
  const seen = [];
  const options = { signal: controller.signal };
  for await (const chunk of await client.chat.completions.create({ ...question, stream: true }, options)) {
    seen.push(chunk);
    if (seen.length === 2) controller.abort();
  }
  expect(seen.length, 'the client ends an aborted stream without a word').toBeLessThan(4);
  await expect.poll(() => engine.left).toBe(2);
  const late: unknown = await client.chat.completions.create(question, options).catch((error: unknown) => error);
  expect(late).toBeInstanceOf(OpenAI.APIUserAbortError);

  const disposed = clientOf({ failure: { after: 0, error: new EngineAbortError('the engine was disposed') } });
  const thrown: unknown = await disposed.client.chat.completions.create(question).catch((error: unknown) => error);
  expect(thrown).toMatchObject({ status: 500, code: 'aborted', message: '500 the engine was disposed' });
});
