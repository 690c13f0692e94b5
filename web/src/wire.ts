// What OpenAI-compatible servers send, and its meaning in our shapes.

import { seconds } from './time.js';
import { EngineError } from './errors.js';
import { type Split, ThinkSplitter } from './think.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionDelta,
  Completion,
  CompletionChunk,
  CompletionLogprobs,
  FinishReason,
  Logprobs,
  Timings,
  TokenLogprob,
  ToolCall,
  ToolCallDelta,
  Usage,
} from './types.js';

/** A field that servers leave out, or send as null. */
type Maybe<T> = T | null | undefined;

interface WireText {
  content?: Maybe<string>;
  reasoning_content?: Maybe<string>;
  /** vLLM's newer name for it; some versions send both. */
  reasoning?: Maybe<string>;
}

interface WireDelta extends WireText {
  tool_calls?: Maybe<
    {
      index?: Maybe<number>;
      id?: Maybe<string>;
      function?: Maybe<{ name?: Maybe<string>; arguments?: Maybe<string> }>;
    }[]
  >;
}

interface WireLogprobs {
  content?: Maybe<(Pick<TokenLogprob, 'token' | 'logprob'> & Partial<TokenLogprob>)[]>;
}

interface WireUsage {
  prompt_tokens?: Maybe<number>;
  completion_tokens?: Maybe<number>;
  prompt_tokens_details?: Maybe<{ cached_tokens?: Maybe<number> }>;
  completion_tokens_details?: Maybe<{ reasoning_tokens?: Maybe<number> }>;
}

interface WireChoice {
  index?: number;
  finish_reason?: Maybe<string>;
}

interface WireReply<Choice> {
  id?: string;
  created?: number;
  model?: string;
  choices?: Choice[];
  usage?: Maybe<WireUsage>;
  /** llama.cpp's. */
  timings?: Maybe<{ prompt_per_second?: Maybe<number>; predicted_per_second?: Maybe<number> }>;
}

type WireChat = WireReply<WireChoice & { message?: WireDelta; logprobs?: Maybe<WireLogprobs> }>;
type WireChatChunk = WireReply<WireChoice & { delta?: Maybe<WireDelta>; logprobs?: Maybe<WireLogprobs> }>;
type WireCompletion = WireReply<WireChoice & { text?: string; logprobs?: Maybe<CompletionLogprobs> }>;

const FINISH_REASONS = ['stop', 'length', 'tool_calls', 'content_filter'];

function finishReason(reason: Maybe<string>): FinishReason {
  if (!FINISH_REASONS.includes(reason ?? ''))
    throw new EngineError('bad_server', `the server ended the reply with finish_reason ${JSON.stringify(reason)}`);
  return reason as FinishReason;
}

function finishReasonOfText(reason: Maybe<string>): Completion['choices'][number]['finish_reason'] {
  const known = finishReason(reason);
  return known === 'tool_calls' ? 'stop' : known;
}

const envelope = ({ id, created, model }: WireReply<unknown>) => ({
  id: id ?? '',
  created: created ?? seconds(),
  model: model ?? '',
});

function usageOf({ usage, timings }: WireReply<unknown>, firstToken: number | null): Usage {
  const prompt = usage?.prompt_tokens ?? 0;
  const reply = usage?.completion_tokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: reply,
    total_tokens: prompt + reply,
    prompt_tokens_details: { cached_tokens: usage?.prompt_tokens_details?.cached_tokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage?.completion_tokens_details?.reasoning_tokens ?? 0 },
    timings: timingsOf(timings, firstToken),
  };
}

const timingsOf = (timings: WireReply<unknown>['timings'], firstToken: number | null): Timings => ({
  time_to_first_token_ms: firstToken,
  prefill_tokens_per_second: timings?.prompt_per_second ?? null,
  decode_tokens_per_second: timings?.predicted_per_second ?? null,
});

function logprobsOf(logprobs: Maybe<WireLogprobs>): Logprobs | null {
  if (!logprobs?.content) return null;
  const content = logprobs.content.map(({ token, logprob, bytes = null, top_logprobs = [] }) => ({
    token,
    logprob,
    bytes,
    top_logprobs,
  }));
  return { content, refusal: null, reasoning_content: [] };
}

/** The texts of a message or delta, with what was left in the answer split off. */
function textsOf({ content, reasoning_content, reasoning }: WireText, splitter: ThinkSplitter): Split {
  const thought = reasoning_content ?? reasoning ?? '';
  if (thought) splitter.answer(); // this server tells them apart itself
  const split = splitter.push(content ?? '');
  return { reasoning: thought + split.reasoning, answer: split.answer };
}

const joined = (a: Split, b: Split): Split => ({ reasoning: a.reasoning + b.reasoning, answer: a.answer + b.answer });

function toolCalls({ tool_calls }: WireDelta): ToolCall[] {
  return (tool_calls ?? []).map(({ id, function: called }) => ({
    id: id ?? '',
    type: 'function',
    function: { name: called?.name ?? '', arguments: called?.arguments ?? '' },
  }));
}

function toolCallDeltas({ tool_calls }: WireDelta): ToolCallDelta[] {
  return (tool_calls ?? []).map(({ index, id, function: called }) => ({
    index: index ?? 0,
    ...(id && { id, type: 'function' }),
    function: {
      ...(called?.name && { name: called.name }),
      ...(called?.arguments && { arguments: called.arguments }),
    },
  }));
}

/** A whole reply. */
export function chatOf(reply: WireChat): ChatCompletion {
  const choices = (reply.choices ?? []).map(({ index, message = {}, finish_reason, logprobs }, at) => {
    const splitter = new ThinkSplitter();
    const { reasoning, answer } = joined(textsOf(message, splitter), splitter.finish());
    const tool_calls = toolCalls(message);
    return {
      index: index ?? at,
      message: {
        role: 'assistant' as const,
        content: answer || tool_calls.length === 0 ? answer : null,
        refusal: null,
        reasoning_content: reasoning || null,
        ...(tool_calls.length > 0 && { tool_calls }),
      },
      finish_reason: finishReason(finish_reason),
      reasoning_finish_reason: null,
      logprobs: logprobsOf(logprobs),
    };
  });
  return { ...envelope(reply), object: 'chat.completion', choices, usage: usageOf(reply, null) };
}

/** A whole raw completion. */
export function completionOf(reply: WireCompletion): Completion {
  const choices = (reply.choices ?? []).map(({ index, text, finish_reason, logprobs }, at) => ({
    index: index ?? at,
    text: text ?? '',
    finish_reason: finishReasonOfText(finish_reason),
    logprobs: logprobs ?? null,
  }));
  return { ...envelope(reply), object: 'text_completion', choices, usage: usageOf(reply, null) };
}

/** Reads a stream: what it has to know of the chunks before. */
abstract class StreamReader<Wire extends WireReply<WireChoice>, Chunk> {
  readonly #start = performance.now();
  #firstToken: number | null = null;
  #last: Wire | undefined;
  readonly #open = new Set<number>();
  #any = false;

  /** @param withUsage Whether the usage was asked for: some servers tell it unasked. */
  constructor(private readonly withUsage: boolean) {}

  /** What a chunk of the server's means; undefined where it adds nothing. */
  read(wire: Wire): Chunk | undefined {
    if (wire.usage) this.#last = { ...this.#last, ...wire };
    for (const { index = 0, finish_reason } of wire.choices ?? []) {
      this.#any = true;
      if (finish_reason) this.#open.delete(index);
      else this.#open.add(index);
    }
    return this.chunk(wire);
  }

  /** What is to follow the last chunk. A stream that ended in the middle of the reply throws. */
  end(): Chunk[] {
    if (!this.#any || this.#open.size > 0)
      throw new EngineError('network', 'the connection to the server ended before the reply did');
    return this.withUsage && this.#last ? [this.usageChunk(this.#last, usageOf(this.#last, this.#firstToken))] : [];
  }

  /** Notes when the first token came. */
  protected token(): void {
    this.#firstToken ??= performance.now() - this.#start;
  }

  protected abstract chunk(wire: Wire): Chunk | undefined;
  protected abstract usageChunk(wire: Wire, usage: Usage): Chunk;
}

/** Reads a chat's stream. */
export class ChatReader extends StreamReader<WireChatChunk, ChatCompletionChunk> {
  readonly #splitters = new Map<number, ThinkSplitter>();

  protected chunk(wire: WireChatChunk): ChatCompletionChunk | undefined {
    const choices = (wire.choices ?? []).flatMap(({ index = 0, delta, finish_reason, logprobs }) => {
      const finish = finish_reason ? finishReason(finish_reason) : null;
      const next = this.#delta(index, delta ?? {}, finish !== null);
      const told = logprobsOf(logprobs);
      if (Object.keys(next).length === 0 && !finish && !told) return [];
      return [{ index, delta: next, finish_reason: finish, reasoning_finish_reason: null, logprobs: told }];
    });
    return choices.length > 0 ? { ...envelope(wire), object: 'chat.completion.chunk', choices } : undefined;
  }

  protected usageChunk(wire: WireChatChunk, usage: Usage): ChatCompletionChunk {
    return { ...envelope(wire), object: 'chat.completion.chunk', choices: [], usage };
  }

  #delta(index: number, wire: WireDelta, last: boolean): ChatCompletionDelta {
    const known = this.#splitters.get(index);
    const splitter = known ?? new ThinkSplitter();
    this.#splitters.set(index, splitter);
    const texts = textsOf(wire, splitter);
    const { reasoning, answer } = last ? joined(texts, splitter.finish()) : texts;
    const tool_calls = toolCallDeltas(wire);
    if (reasoning || answer || tool_calls.length > 0) this.token();
    return {
      ...(!known && { role: 'assistant' }),
      ...(answer && { content: answer }),
      ...(reasoning && { reasoning_content: reasoning }),
      ...(tool_calls.length > 0 && { tool_calls }),
    };
  }
}

/** Reads a raw completion's stream. */
export class CompletionReader extends StreamReader<WireCompletion, CompletionChunk> {
  protected chunk(wire: WireCompletion): CompletionChunk | undefined {
    const choices = (wire.choices ?? []).map(({ index = 0, text, finish_reason, logprobs }) => {
      if (text) this.token();
      return {
        index,
        text: text ?? '',
        finish_reason: finish_reason ? finishReasonOfText(finish_reason) : null,
        logprobs: logprobs ?? null,
      };
    });
    return choices.length > 0 ? { ...envelope(wire), object: 'text_completion', choices } : undefined;
  }

  protected usageChunk(wire: WireCompletion, usage: Usage): CompletionChunk {
    return { ...envelope(wire), object: 'text_completion', choices: [], usage };
  }
}
