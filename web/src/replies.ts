// From what the engine tells of a reply to OpenAI's shapes.

import { without } from './options.js';
import type { Delta, Reply, ToldLogprobs } from './protocol.js';
import type {
  ChatCompletion,
  ChatCompletionChoice,
  ChatCompletionChunk,
  Completion,
  CompletionChunk,
  CompletionLogprobs,
  Logprobs,
  Usage,
} from './types.js';

/** What all pieces of a reply share. */
export interface Envelope {
  id: string;
  created: number;
  model: string;
}

function logprobsOf(told: ToldLogprobs | null | undefined): Logprobs | null {
  if (!told) return null;
  const whole = (tokens: ToldLogprobs['content']) => tokens.map((token) => ({ top_logprobs: [], ...token }));
  return { content: whole(told.content), refusal: null, reasoning_content: whole(told.reasoning_content) };
}

/** One usage for all replies to a prompt. */
export function together(usages: Usage[]): Usage {
  const [first] = usages;
  if (!first || usages.length === 1) return first as Usage;
  const sum = (of: (usage: Usage) => number) => usages.reduce((total, usage) => total + of(usage), 0);
  const completion_tokens = sum((usage) => usage.completion_tokens);
  return {
    ...first,
    completion_tokens,
    total_tokens: first.prompt_tokens + completion_tokens,
    completion_tokens_details: { reasoning_tokens: sum((usage) => usage.completion_tokens_details.reasoning_tokens) },
  };
}

/** How replies of one kind, chats or raw completions, are shown. */
export interface Shape<Whole, Chunk> {
  whole(envelope: Envelope, replies: Reply[]): Whole;
  /** What a choice begins with, if anything. */
  first(envelope: Envelope, index: number): Chunk[];
  delta(envelope: Envelope, index: number, delta: Delta): Chunk[];
  last(envelope: Envelope, index: number, reply: Reply): Chunk;
  usage(envelope: Envelope, usage: Usage): Chunk;
}

const chunk = (envelope: Envelope, choice: ChatCompletionChunk['choices'][number]): ChatCompletionChunk => ({
  ...envelope,
  object: 'chat.completion.chunk',
  choices: [choice],
});

function choiceOf(reply: Reply, index: number): ChatCompletionChoice {
  const { content, reasoning_content, tool_calls = [], finish_reason, reasoning_finish_reason, logprobs } = reply;
  const called = tool_calls.length > 0;
  return {
    index,
    message: {
      role: 'assistant',
      content: called && content === '' ? null : content,
      refusal: null,
      reasoning_content: reasoning_content || null,
      ...(called && { tool_calls }),
    },
    finish_reason,
    reasoning_finish_reason: reasoning_finish_reason ?? null,
    logprobs: logprobsOf(logprobs),
  };
}

/** Chats. */
export const chats: Shape<ChatCompletion, ChatCompletionChunk> = {
  whole: (envelope, replies) => ({
    ...envelope,
    object: 'chat.completion',
    choices: replies.map(choiceOf),
    usage: together(replies.map(({ usage }) => usage)),
  }),
  first: (envelope, index) => {
    const delta = { role: 'assistant' as const, content: '' };
    return [chunk(envelope, { index, delta, finish_reason: null, reasoning_finish_reason: null, logprobs: null })];
  },
  delta: (envelope, index, told) => {
    const { logprobs, reasoning_finish_reason } = told;
    const delta = without(told, 'tokens', 'logprobs', 'reasoning_finish_reason');
    if (Object.keys(delta).length === 0 && !logprobs) return [];
    const ended = reasoning_finish_reason ?? null;
    const likely = logprobsOf(logprobs);
    return [chunk(envelope, { index, delta, finish_reason: null, reasoning_finish_reason: ended, logprobs: likely })];
  },
  last: (envelope, index, { finish_reason, reasoning_finish_reason }) => {
    const ended = reasoning_finish_reason ?? null;
    return chunk(envelope, { index, delta: {}, finish_reason, reasoning_finish_reason: ended, logprobs: null });
  },
  usage: (envelope, usage) => ({ ...envelope, object: 'chat.completion.chunk', choices: [], usage }),
};

function listsOf(told: ToldLogprobs | null | undefined, offset: number): CompletionLogprobs | null {
  if (!told) return null;
  let at = offset;
  const lists: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
  for (const { token, logprob, top_logprobs = [] } of told.content) {
    lists.tokens.push(token);
    lists.token_logprobs.push(logprob);
    lists.top_logprobs.push(Object.fromEntries(top_logprobs.map((top) => [top.token, top.logprob])));
    lists.text_offset.push(at);
    at += token.length;
  }
  return lists;
}

const finishOf = ({ finish_reason }: Reply) => (finish_reason === 'length' ? 'length' : 'stop');

const piece = (envelope: Envelope, choice: CompletionChunk['choices'][number]): CompletionChunk => ({
  ...envelope,
  object: 'text_completion',
  choices: [choice],
});

/** Raw completions. */
export const texts: Shape<Completion, CompletionChunk> = {
  whole: (envelope, replies) => ({
    ...envelope,
    object: 'text_completion',
    choices: replies.map((reply, index) => ({
      index,
      text: reply.content,
      finish_reason: finishOf(reply),
      logprobs: listsOf(reply.logprobs, 0),
    })),
    usage: together(replies.map(({ usage }) => usage)),
  }),
  first: () => [],
  delta: (envelope, index, { content = '', logprobs }) => {
    if (content === '' && !logprobs) return [];
    return [piece(envelope, { index, text: content, finish_reason: null, logprobs: listsOf(logprobs, 0) })];
  },
  last: (envelope, index, reply) =>
    piece(envelope, { index, text: '', finish_reason: finishOf(reply), logprobs: null }),
  usage: (envelope, usage) => ({ ...envelope, object: 'text_completion', choices: [], usage }),
};
