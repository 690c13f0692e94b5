// React's hooks with an engine that only plays one, then the official `openai` client and the AI SDK with the real engine.

import type { AddressInfo } from 'node:net';
import { expect, type Page, test as base } from '@playwright/test';
import { serve } from '../../scripts/serve.mjs';
import { builtClients } from './clients/build';
import type {} from './clients/main';

const test = base.extend<object, { clients: string }>({
  clients: [
    async ({}, use) => {
      const server = await serve([['/', await builtClients()]], 0);
      await use(`http://localhost:${(server.address() as AddressInfo).port}/`);
      server.close();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

test.describe.configure({ mode: 'default' }); // one bundle

test('useEngine loads once, anew for another model, and disposes', async ({ page, clients }) => {
  await page.goto(clients);
  await page.evaluate(() => void (window.probe = new window.clients.Probe({ model: 'a' })));
  const log = () => page.evaluate(() => window.probe.log);
  const show = async (model: string | null, status: string) => {
    await page.evaluate((model) => window.probe.show(model === null ? null : { model }), model);
    await expect.poll(() => page.evaluate(() => window.probe.engine.status)).toBe(status);
  };
  await expect.poll(log).toContain('engine ready');
  await show('a', 'ready'); // the same again
  expect((await log()).filter((entry) => !entry.startsWith('engine'))).toEqual(['load a']);
  await show('b', 'ready');
  await show('bad', 'error');
  expect(await page.evaluate(() => window.probe.engine.error?.message)).toBe('no such model');
  await show('c', 'ready');
  await show(null, 'idle');
  await page.evaluate(() => window.probe.show({ model: 'slow' }));
  await expect.poll(() => page.evaluate(() => window.probe.engine.progress)).toMatchObject({ loaded: 1, total: 2 });
  await page.evaluate(() => window.probe.unmount()); // while it loads
  expect(await log()).toEqual([
    ...['engine loading', 'load a', 'engine ready'],
    ...['engine loading', 'abort a', 'dispose a', 'load b', 'engine ready'],
    ...['engine loading', 'abort b', 'dispose b', 'load bad', 'engine error'],
    ...['engine loading', 'abort bad', 'load c', 'engine ready'],
    ...['engine idle', 'abort c', 'dispose c'],
    ...['engine loading', 'load slow', 'abort slow'],
  ]);
});

test('useChat says, shows, stops, answers anew and tells what went wrong', async ({ page, clients }) => {
  await page.goto(clients);
  await page.evaluate(async () => {
    window.probe = new window.clients.Probe(null);
    while (!window.probe.chat) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  const early = page.evaluate(() => window.probe.chat.send('Hi').catch((error: Error) => error.message));
  expect(await early).toBe('engine: useChat has none yet');
  await page.evaluate(() => window.probe.show({ model: 'a' }));
  await expect.poll(() => page.evaluate(() => window.probe.engine.status)).toBe('ready');

  const chat = () => page.evaluate(() => ({ ...window.probe.chat, error: window.probe.chat.error?.message ?? null }));
  const system = { role: 'system', content: 'Be brief.' };
  const hi = { role: 'user', content: 'Hi' };
  const reply = { role: 'assistant', content: 'It is 🐋.', reasoning_content: 'Hm, 巴黎' };
  await page.evaluate(() => window.probe.chat.send('Hi'));
  expect(await chat()).toMatchObject({ status: 'ready', error: null, messages: [system, hi, reply] });
  const statuses = await page.evaluate(() => window.probe.log.filter((entry) => entry.startsWith('chat')));
  expect(statuses).toEqual(['chat waiting', 'chat thinking', 'chat answering']);
  const requests = () => page.evaluate(() => window.probe.engines[0]?.requests.map((r) => ({ ...r, signal: null })));
  expect((await requests())?.at(-1)).toMatchObject({ temperature: 0, stream: true, messages: [system, hi] });

  // stopped in the middle of its thinking, after it was asked to answer
  await page.evaluate(async () => {
    const [engine] = window.probe.engines;
    if (engine) engine.script = { ...engine.script, hang: 2 };
    void window.probe.chat.send('And Rome?');
  });
  await expect.poll(async () => (await chat()).status).toBe('thinking');
  await page.evaluate(() => (window.probe.chat.answerNow(), window.probe.chat.stop()));
  await expect.poll(() => page.evaluate(() => window.probe.engines[0]?.left)).toBe(1);
  expect(await page.evaluate(() => window.probe.engines[0]?.answeredNow)).toEqual(['chatcmpl-1']);
  const rome = { role: 'user', content: 'And Rome?' };
  const cut = { role: 'assistant', content: '', reasoning_content: 'Hm,' };
  expect(await chat()).toMatchObject({ status: 'ready', error: null, messages: [system, hi, reply, rome, cut] });

  await page.evaluate(async () => {
    const [engine] = window.probe.engines;
    if (engine) engine.script = { content: 'Sunny.' };
    await window.probe.chat.regenerate();
  });
  const sunny = { role: 'assistant', content: 'Sunny.' };
  expect((await chat()).messages).toEqual([system, hi, reply, rome, sunny]);
  expect((await requests())?.at(-1)).toMatchObject({ messages: [system, hi, reply, rome] });

  await page.evaluate(async () => {
    const [engine] = window.probe.engines;
    if (engine) engine.script = { content: 'Sunny.', failure: { after: 2, error: new Error('lost') as never } };
    await window.probe.chat.send('Sure?');
  });
  expect(await chat()).toMatchObject({ status: 'ready', error: 'lost' });
  expect((await chat()).messages.at(-1)).toEqual({ role: 'assistant', content: 'Sun' });

  // saying more stops a reply, and so does going away
  await page.evaluate(() => {
    const [engine] = window.probe.engines;
    if (engine) engine.script = { content: 'Sunny.', hang: 2 };
    void window.probe.chat.setMessages([]);
    void window.probe.chat.send('One');
    void window.probe.chat.send('Two');
  });
  await expect.poll(async () => (await chat()).messages.map(({ content }) => content)).toEqual(['One', 'Two', 'Sun']);
  await page.evaluate(() => window.probe.unmount());
  await expect.poll(() => page.evaluate(() => window.probe.engines[0]?.left)).toBeGreaterThanOrEqual(3);
});

test('the official client and the AI SDK with the real engine', async ({ page, clients }) => {
  await page.goto(clients);
  await page.evaluate(async () => {
    window.engine = await window.clients.createEngine({ model: 'tiny.gguf' });
  });
  await test.step('thoughts, which mean nothing, are the same by every way', () => thoughts(page));
  await test.step('objects, tools and embeddings', () => forms(page));
  await page.evaluate(() => window.engine.dispose());
});

async function thoughts(page: Page): Promise<void> {
  const seen = await page.evaluate(async () => {
    const { createFetch, languageModel, OpenAI, streamText } = window.clients;
    const { engine } = window;
    const messages = [{ role: 'user' as const, content: 'Hello' }];
    const seeded = { messages, temperature: 2, seed: 3, max_tokens: 24 };
    const own = await engine.chat.completions.create(seeded);
    // OpenAI's types know no reasoning
    const said = (part: object | undefined) => {
      const { reasoning_content, content } = part as { reasoning_content?: string | null; content?: string | null };
      return [reasoning_content ?? '', content ?? ''] as const;
    };

    const options = { baseURL: 'http://engine.invalid/v1', apiKey: 'none', dangerouslyAllowBrowser: true };
    const { completions } = new OpenAI({ ...options, fetch: createFetch(engine) }).chat;
    const request = { ...seeded, model: 'tiny' };
    const whole = await completions.create(request);
    let streamed = ['', ''];
    for await (const { choices } of await completions.create({ ...request, stream: true })) {
      const [reasoning, content] = said(choices[0]?.delta ?? {});
      streamed = [streamed[0] + reasoning, streamed[1] + content];
    }
    const wrong = await completions.create({ ...request, top_p: 7 }).catch((error: unknown) => error);

    const model = languageModel(engine, { model: 'tiny' });
    const result = streamText({ model, messages, temperature: 2, seed: 3, maxOutputTokens: 24 });
    const sdk = [(await result.reasoningText) ?? '', await result.text];
    const { inputTokens, outputTokens } = await result.usage;
    return {
      own: said(own.choices[0]?.message),
      others: [said(whole.choices[0]?.message), streamed, sdk],
      wrong: [(wrong as InstanceType<typeof OpenAI.APIError>).status, String(wrong)],
      usage: [own.usage.prompt_tokens, own.usage.completion_tokens],
      used: [inputTokens, outputTokens],
    };
  });
  expect(seen.own[0]).toMatch(/\S/);
  expect(seen.others).toEqual([seen.own, seen.own, seen.own]);
  expect(seen.wrong).toEqual([400, expect.stringContaining('top_p')]);
  expect(seen.used).toEqual(seen.usage);
  expect(seen.used[1]).toBe(24);
}

async function forms(page: Page): Promise<void> {
  const seen = await page.evaluate(async () => {
    const { createFetch, generateObject, jsonSchema, languageModel, OpenAI } = window.clients;
    const { engine } = window;
    const model = languageModel(engine);
    const properties = { city: { enum: ['Paris', 'Rome'] } };
    const city = { type: 'object' as const, properties, required: ['city'], additionalProperties: false };
    const schema = jsonSchema<{ city: string }>(city);
    const thinking = { type: 'disabled' };
    const { object } = await generateObject({
      model,
      schema,
      prompt: 'Which city?',
      seed: 3,
      providerOptions: { minke: { thinking } },
    });

    const options = { baseURL: 'http://engine.invalid/v1', apiKey: 'none', dangerouslyAllowBrowser: true };
    const client = new OpenAI({ ...options, fetch: createFetch(engine) });
    const request = {
      model: 'tiny',
      messages: [{ role: 'user' as const, content: 'Weather?' }],
      tools: [{ type: 'function' as const, function: { name: 'weather', parameters: { ...city } } }],
      tool_choice: 'required' as const,
      parallel_tool_calls: false,
      seed: 3,
      thinking,
    };
    const called = await client.chat.completions.create(request);
    const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    const streamed = await stream.finalChatCompletion();
    const embed = async (input: string) =>
      (await client.embeddings.create({ model: 'tiny', input })).data[0]?.embedding ?? [];
    const [one, same, other] = [await embed('One'), await embed('One'), await embed('Two')];
    const models = (await client.models.list()).data.map(({ id }) => id);
    const callsOf = ({ choices }: typeof called) =>
      choices[0]?.message.tool_calls?.map((call) => ('function' in call ? call.function : null));
    return {
      object,
      finish: called.choices[0]?.finish_reason,
      calls: [callsOf(called), callsOf(streamed)],
      usage: streamed.usage?.completion_tokens,
      vectors: { one, same, other },
      models,
    };
  });
  const cities = expect.stringMatching(/^(Paris|Rome)$/);
  expect(seen.object).toEqual({ city: cities });
  expect(seen.finish).toBe('tool_calls');
  for (const calls of seen.calls) {
    expect(calls?.map((call) => call?.name)).toEqual(['weather']);
    expect(JSON.parse(calls?.[0]?.arguments ?? '')).toEqual({ city: cities });
  }
  expect(seen.usage).toBeGreaterThan(0);
  expect(seen.vectors.one.length).toBeGreaterThan(1);
  expect(seen.vectors.same).toEqual(seen.vectors.one);
  expect(seen.vectors.other).not.toEqual(seen.vectors.one);
  expect(seen.models).toHaveLength(1);
}
