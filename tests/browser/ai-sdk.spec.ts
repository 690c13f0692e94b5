// `minke/ai-sdk` under the AI SDK, with an engine that only plays one. No browser and no GPU.

import { embedMany, generateObject, generateText, isStepCount, jsonSchema, streamText, tool } from 'ai';
import { embeddingModel, languageModel } from 'minke/ai-sdk';
import { expect, test } from '@playwright/test';
import { EngineError } from '../../web/src/errors';
import { FakeEngine } from './clients/fake';

const CALL = { id: 'call_1', type: 'function' as const, function: { name: 'weather', arguments: '{"city":"Paris"}' } };

interface City {
  city: string;
}

const schema = { type: 'object', properties: { city: { type: 'string' } } } as const;
const weather = tool({
  description: 'The weather',
  inputSchema: jsonSchema<City>(schema),
  execute: async ({ city }: City) => ({ city, celsius: 21 }),
});

const USED = {
  inputTokens: 9,
  inputTokenDetails: { noCacheTokens: 5, cacheReadTokens: 4 },
  outputTokens: 21,
  outputTokenDetails: { textTokens: 16, reasoningTokens: 5 },
};

test('streamText: reasoning, text, usage and every setting', async () => {
  const engine = new FakeEngine({ reasoning: 'Hm, 巴黎', content: 'It is 🐋.' });
  const signal = new AbortController().signal;
  const result = streamText({
    model: languageModel(engine, { model: 'fake' }),
    system: 'Be brief.',
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Greet.' },
          { type: 'text', text: 'Hello' },
        ],
      },
      { role: 'user', content: 'Paris?' },
    ],
    maxOutputTokens: 50,
    temperature: 0.5,
    topP: 0.9,
    topK: 7,
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    stopSequences: ['END'],
    seed: 3,
    reasoning: 'low',
    headers: { 'x-mine': '1' },
    abortSignal: signal,
    providerOptions: { minke: { thinking: { type: 'enabled', budget_tokens: 99 } } },
  });
  const types: string[] = [];
  for await (const { type } of result.fullStream) if (types.at(-1) !== type) types.push(type);
  expect(types).toEqual([
    ...['start', 'start-step'],
    ...['reasoning-start', 'reasoning-delta', 'reasoning-end'],
    ...['text-start', 'text-delta', 'text-end'],
    ...['finish-step', 'finish'],
  ]);
  expect(await result.reasoningText).toBe('Hm, 巴黎');
  expect(await result.text).toBe('It is 🐋.');
  expect(await result.finishReason).toBe('stop');
  expect(await result.usage).toMatchObject(USED);
  expect((await result.response).id).toBe('chatcmpl-1');
  expect(await result.providerMetadata).toEqual({ minke: { reasoningFinishReason: 'stop' } });
  expect(await result.warnings).toEqual([expect.objectContaining({ type: 'unsupported', feature: 'headers' })]);
  const [request] = engine.requests;
  expect(JSON.parse(JSON.stringify({ ...request, signal: undefined }))).toEqual({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: 'Hello', reasoning_content: 'Greet.' },
      { role: 'user', content: [{ type: 'text', text: 'Paris?' }] },
    ],
    model: 'fake',
    max_tokens: 50,
    temperature: 0.5,
    top_p: 0.9,
    top_k: 7,
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    stop: ['END'],
    seed: 3,
    reasoning_effort: 'low',
    thinking: { type: 'enabled', budget_tokens: 99 },
    stream: true,
    stream_options: { include_usage: true },
  });
});

test('tools are called, and their results go back in', async () => {
  const must = { type: 'tool' as const, toolName: 'weather' as const };
  for (const streamed of [true, false]) {
    const engine = new FakeEngine({ reasoning: 'Look', calls: [CALL, { ...CALL, id: 'call_2' }] });
    const given = {
      model: languageModel(engine),
      prompt: 'Weather in Paris?',
      tools: { weather },
      prepareStep: ({ stepNumber }: { stepNumber: number }) => ({
        toolChoice: stepNumber === 0 ? must : ('auto' as const),
      }),
      stopWhen: isStepCount(2),
      onStepFinish: () => void (engine.script = { content: '21 °C' }),
    };
    const result = streamed ? streamText(given) : await generateText(given);
    expect(await result.text).toBe('21 °C');
    const [first, second] = await result.steps;
    expect(first).toMatchObject({ finishReason: 'tool-calls', reasoningText: 'Look' });
    expect(first?.toolResults.map(({ toolCallId, output }) => [toolCallId, output])).toEqual(
      ['call_1', 'call_2'].map((id) => [id, { city: 'Paris', celsius: 21 }]),
    );
    expect(second?.finishReason).toBe('stop');
    expect(engine.requests[0]).toMatchObject({
      tools: [{ type: 'function', function: { name: 'weather', description: 'The weather', parameters: schema } }],
      tool_choice: { type: 'function', function: { name: 'weather' } },
    });
    const results = ['call_1', 'call_2'].map((tool_call_id) => ({
      role: 'tool',
      tool_call_id,
      content: '{"city":"Paris","celsius":21}',
    }));
    const calls = [CALL, { ...CALL, id: 'call_2' }];
    expect((engine.requests[1] as { messages: object[] }).messages.slice(1)).toEqual([
      { role: 'assistant', content: null, reasoning_content: 'Look', tool_calls: calls },
      ...results,
    ]);
  }
});

test('generateObject and embedMany', async () => {
  const engine = new FakeEngine({ reasoning: 'Hm', content: '{"city":"Paris"}' });
  const asked = {
    model: languageModel(engine),
    schema: jsonSchema<City>(schema),
    schemaName: 'place',
    prompt: 'Where?',
  };
  expect((await generateObject(asked)).object).toEqual({ city: 'Paris' });
  expect(engine.requests[0]).toMatchObject({
    response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema } },
  });
  await generateObject({ model: languageModel(engine), output: 'no-schema', prompt: 'Where?' });
  expect(engine.requests[1]).toMatchObject({ response_format: { type: 'json_object' } });
  engine.script = { content: 'Paris' };
  await expect(generateObject(asked)).rejects.toThrow(/could not parse/);

  const options = { minke: { pooling: 'last' as const } };
  const model = embeddingModel(engine);
  const { embeddings, usage } = await embedMany({ model, values: ['abc', 'de'], providerOptions: options });
  expect(embeddings.map(([first]) => first)).toEqual([3, 2]);
  expect(usage.tokens).toBe(9);
  expect(engine.requests.at(-1)).toMatchObject({ input: ['abc', 'de'], pooling: 'last' });
});

test('errors, aborts and what cannot be given to the model', async () => {
  const lost = new EngineError('device_lost', 'lost');
  const errors: unknown[] = [];
  const engine = new FakeEngine({ content: 'A whale swims', failure: { after: 2, error: lost } });
  const model = languageModel(engine);
  const onError = ({ error }: { error: unknown }) => void errors.push(error);
  const failed = streamText({ model, prompt: 'Hi', onError });
  const seen: string[] = [];
  for await (const { type } of failed.fullStream) seen.push(type);
  expect(seen).toContain('error');
  expect(errors).toEqual([lost]);
  expect(await failed.finishReason).toBe('error');

  engine.script = { failure: { after: 0, error: lost } };
  await expect(generateText({ model, prompt: 'Hi', maxRetries: 0 })).rejects.toThrow(lost);

  engine.script = { content: 'A whale swims', hang: 3 };
  const controller = new AbortController();
  const aborted: string[] = [];
  const { fullStream } = streamText({ model, prompt: 'Hi', abortSignal: controller.signal, onError });
  for await (const { type } of fullStream) {
    aborted.push(type);
    if (type === 'text-delta') controller.abort();
  }
  expect(aborted.at(-1)).toBe('abort');
  expect(errors).toEqual([lost]);
  await expect.poll(() => engine.left).toBe(2);

  const image = { type: 'file' as const, mediaType: 'image/png', data: new Uint8Array([137, 80, 78, 71]) };
  const picture = generateText({ model, messages: [{ role: 'user', content: [image] }], maxRetries: 0 });
  await expect(picture).rejects.toThrow('prompt: a part of type file cannot be given to the model');
});
