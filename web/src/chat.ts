// Chat completions in OpenAI's shapes.

import { EngineError } from './errors.js';
import type { Delta, Logprobs, Reply, Usage } from './protocol.js';

/** A message of the conversation. `reasoning_content` of earlier replies is not shown to the model. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string | null | { type: 'text'; text: string }[];
  reasoning_content?: string | null;
  [key: string]: unknown;
}

/** A request in OpenAI's shape. What is left out takes DeepSeek's recommendation for R1 (temperature 0.6, top_p 0.95). */
export interface ChatCompletionRequest {
  messages: ChatMessage[];
  /** Functions in OpenAI's form, for the model's template to show. What the model then calls is text of its reply. */
  tools?: object[] | null;
  stream?: boolean | null;
  /** 0 is greedy. */
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  typical_p?: number | null;
  repetition_penalty?: number | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  /** Added to the logits of token ids. */
  logit_bias?: Record<string, number> | null;
  /** Whether to tell how likely each token was. */
  logprobs?: boolean | null;
  /** How many of the likeliest tokens to name beside each, at most 20. */
  top_logprobs?: number | null;
  /** For the same reply each time on the same device. */
  seed?: number | null;
  /** Most tokens of the reply, reasoning included. */
  max_tokens?: number | null;
  /** OpenAI's newer name for the same: give one of them. */
  max_completion_tokens?: number | null;
  /** The answer ends before any of these. */
  stop?: string | string[] | null;
  signal?: AbortSignal | undefined;
}

export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  created: number;
  model: string;
  choices: {
    index: 0;
    message: { role: 'assistant'; content: string; reasoning_content: string | null };
    finish_reason: 'stop' | 'length';
    logprobs: Logprobs | null;
  }[];
  usage: Usage;
}

export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: {
    index: 0;
    delta: { role?: 'assistant'; content?: string; reasoning_content?: string };
    finish_reason: 'stop' | 'length' | null;
    logprobs: Logprobs | null;
  }[];
  /** Only on the last chunk. */
  usage?: Usage;
}

/** Rejects with what is wrong with the request; a stream's promise does so too, as it resolves with the first event. */
export interface Create {
  (request: ChatCompletionRequest & { stream: true }): Promise<AsyncIterable<ChatCompletionChunk>>;
  (request: ChatCompletionRequest & { stream?: false | null }): Promise<ChatCompletion>;
  (request: ChatCompletionRequest): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>>;
}

/** Throws for what the worker would never hear of, or could not name; the worker checks the rest. */
export function checkRequest(request: Partial<ChatCompletionRequest> | null | undefined): void {
  const refuse = (param: string, problem: string) => {
    throw new EngineError('invalid_request', `${param}: ${problem}`);
  };
  if (typeof request !== 'object' || request === null) return refuse('request', 'it must be an object with messages');
  const { messages, signal, max_tokens, max_completion_tokens } = request;
  if (!Array.isArray(messages)) refuse('messages', 'it must be a list of objects, each with a role and content');
  if ((signal ?? undefined) !== undefined && !(signal instanceof AbortSignal))
    refuse('signal', 'it must be an AbortSignal');
  if ((max_tokens ?? undefined) !== undefined && (max_completion_tokens ?? undefined) !== undefined)
    refuse('max_tokens', 'max_completion_tokens is given too, and means the same: give one of them');
}

const envelope = <T extends string>(object: T, model: string) => ({
  id: `chatcmpl-${crypto.randomUUID()}`,
  object,
  created: Math.floor(Date.now() / 1000),
  model,
});

export function completion(model: string, reply: Reply): ChatCompletion {
  const message = {
    role: 'assistant' as const,
    content: reply.content,
    reasoning_content: reply.reasoning_content || null,
  };
  return {
    ...envelope('chat.completion', model),
    choices: [{ index: 0, message, finish_reason: reply.finish_reason, logprobs: reply.logprobs }],
    usage: reply.usage,
  };
}

/** The chunks of one reply, kept until they are read. */
export class Chunks implements AsyncIterable<ChatCompletionChunk> {
  readonly #envelope;
  readonly #ready: ChatCompletionChunk[] = [];
  #ended: { error?: EngineError } | undefined;
  #wake = () => {};

  /** @param leave Called when the reader breaks out before the end. */
  constructor(
    model: string,
    private readonly leave: () => void,
  ) {
    this.#envelope = envelope('chat.completion.chunk', model);
    this.#push({ role: 'assistant', content: '' }, null);
  }

  delta(delta: Delta): void {
    this.#push(delta, null);
  }

  done({ finish_reason, usage }: Reply): void {
    this.#push({}, finish_reason, usage);
    this.#end({});
  }

  error(error: EngineError): void {
    this.#end({ error });
  }

  #push(
    { logprobs, ...delta }: Delta & { role?: 'assistant' },
    finish_reason: 'stop' | 'length' | null,
    usage?: Usage,
  ): void {
    const choices = [{ index: 0 as const, delta, finish_reason, logprobs: logprobs ?? null }];
    this.#ready.push({ ...this.#envelope, choices, ...(usage && { usage }) });
    this.#wake();
  }

  #end(ended: { error?: EngineError }): void {
    this.#ended = ended;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChatCompletionChunk, void, undefined> {
    try {
      for (;;) {
        const next = this.#ready.shift();
        if (next) {
          yield next;
        } else if (this.#ended) {
          if (this.#ended.error) throw this.#ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      if (!this.#ended) this.leave();
    }
  }
}
