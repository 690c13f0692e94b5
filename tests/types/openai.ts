// Our types against those of the `openai` package, at compile time: nothing here runs.

import type OpenAI from 'openai';
import type * as Minke from '../../web/src/types';

/** Compiles where `From` can be given for `To`. */
type Fits<From extends To, To> = [From, To];

export type Replies = [
  Fits<Minke.ChatCompletion, OpenAI.ChatCompletion>,
  Fits<Minke.ChatCompletionChunk, OpenAI.ChatCompletionChunk>,
  Fits<Minke.Completion, OpenAI.Completion>,
  Fits<Minke.EmbeddingList, OpenAI.CreateEmbeddingResponse>,
  Fits<Minke.Model, OpenAI.Model>,
];

export type Requests = [
  Fits<OpenAI.ChatCompletionMessageParam[], Minke.ChatMessage[]>,
  Fits<Minke.ChatMessage[], OpenAI.ChatCompletionMessageParam[]>,
  Fits<OpenAI.ChatCompletionFunctionTool[], Minke.Tool[]>,
  Fits<Minke.Tool[], OpenAI.ChatCompletionTool[]>,
  Fits<Minke.ToolChoice, OpenAI.ChatCompletionToolChoiceOption>,
  Fits<OpenAI.ResponseFormatJSONSchema, Minke.ResponseFormat>,
  Fits<OpenAI.ReasoningEffort, Minke.ReasoningEffort | null>,
  Fits<Omit<OpenAI.ChatCompletionCreateParamsStreaming, 'tools' | 'tool_choice'>, Minke.ChatCompletionRequest>,
];

/** A reply is said again as it came. */
export type Turns = [
  Fits<Minke.ChatCompletionChoice['message'], Minke.ChatMessage>,
  Fits<Minke.ChatCompletionChoice['message'], OpenAI.ChatCompletionMessageParam>,
  Fits<OpenAI.ChatCompletionMessage, Minke.ChatMessage>,
];

/** What does not fit, is told. */
export type Misfits = [
  // @ts-expect-error a server's reply need not have a usage
  Fits<OpenAI.ChatCompletion, Minke.ChatCompletion>,
  // @ts-expect-error refusal is missing
  Fits<Omit<Minke.Logprobs, 'refusal'>, OpenAI.ChatCompletion.Choice.Logprobs>,
  // @ts-expect-error so is the answer's id
  Fits<Omit<Minke.ChatCompletionChunk, 'id'>, OpenAI.ChatCompletionChunk>,
  // @ts-expect-error no one has this role
  Fits<{ role: 'critic'; content: string }, Minke.ChatMessage>,
];

/** Calls as people write them. */
export async function calls(engine: Minke.ChatEngine): Promise<void> {
  const { completions } = engine.chat;
  const stream = await completions.create({ messages: [{ role: 'user', content: 'Hi' }], stream: true });
  for await (const { choices } of stream) console.log(choices[0]?.delta.reasoning_content, choices[0]?.delta.content);

  const messages = [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    { role: 'assistant', tool_calls: [{ id: '1', type: 'function', function: { name: 'look', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: '1', content: 'A whale.' },
  ] satisfies Minke.ChatMessage[];
  const { choices, usage } = await completions.create({ messages, temperature: 0, n: null, stream: null });
  console.log(choices[0]?.message.content, usage.timings.decode_tokens_per_second);

  const list: Minke.ChatMessage[] = [{ role: 'user', content: 'Hi' }];
  if (choices[0]) list.push(choices[0].message);
  const either: Minke.ChatCompletion | Minke.ChatStream = await completions.create({
    messages: list,
    stream: Math.random() > 0.5,
  });
  console.log('id' in either);

  // @ts-expect-error a list that is written apart forgets what its roles are
  await completions.create({ messages: [{ role: 'user', content: 'Hi' }].slice() });
  // @ts-expect-error there is no such setting
  await completions.create({ messages: list, temprature: 0 });
}
