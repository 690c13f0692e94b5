// An engine that says what it is told to say: what the entry points make of a reply needs no model.

import { EngineAbortError, type EngineError } from '../../../web/src/errors';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionChunkChoice,
  ChatCompletionRequest,
  ChatEngine,
  ChatStream,
  CompletionRequest,
  CreateChatCompletion,
  CreateCompletion,
  EmbeddingRequest,
  ToolCall,
  Usage,
} from '../../../web/src/types';

export interface Script {
  reasoning?: string;
  content?: string;
  calls?: ToolCall[];
  /** Thrown after so many chunks. */
  failure?: { after: number; error: EngineError };
  /** After so many chunks nothing comes any more. */
  hang?: number;
}

export const USAGE: Usage = {
  prompt_tokens: 9,
  completion_tokens: 21,
  total_tokens: 30,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 5 },
  timings: { time_to_first_token_ms: 50, prefill_tokens_per_second: 100, decode_tokens_per_second: 42 },
};

const envelope = { id: 'chatcmpl-1', created: 1763738578, model: 'fake' };

/** Pieces of three characters. */
const pieces = (text = '') => text.match(/[^]{1,3}/gu) ?? [];

const finishOf = ({ calls }: Script) => (calls ? 'tool_calls' : 'stop');

export class FakeEngine implements ChatEngine {
  readonly info = { where: 'device' };
  readonly chat = { completions: { create: this.#create.bind(this) as CreateChatCompletion } };
  readonly completions = { create: this.#complete.bind(this) as CreateCompletion };
  readonly embeddings = { create: this.#embed.bind(this) };
  readonly models = {
    list: async () => ({
      object: 'list' as const,
      data: [{ id: 'fake', object: 'model' as const, created: 1, owned_by: 'us' }],
    }),
  };
  readonly requests: (ChatCompletionRequest | CompletionRequest | EmbeddingRequest)[] = [];
  readonly answeredNow: (string | undefined)[] = [];
  /** How many streams were left before their end. */
  left = 0;
  disposed = false;

  constructor(public script: Script) {}

  answerNow(id?: string): boolean {
    this.answeredNow.push(id);
    return true;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }

  async #create(request: ChatCompletionRequest): Promise<ChatCompletion | ChatStream> {
    this.requests.push(request);
    const { failure } = this.script;
    if (failure?.after === 0) throw failure.error;
    if (!request.stream) return this.#whole();
    const chunks = this.#chunks(request);
    return { id: envelope.id, [Symbol.asyncIterator]: () => chunks };
  }

  #whole(): ChatCompletion {
    const { reasoning, content, calls } = this.script;
    const message = {
      role: 'assistant' as const,
      content: content ?? null,
      refusal: null,
      reasoning_content: reasoning ?? null,
      ...(calls && { tool_calls: calls }),
    };
    const choice = { index: 0, message, reasoning_finish_reason: null, logprobs: null };
    const choices = [{ ...choice, finish_reason: finishOf(this.script) } as const];
    return { ...envelope, object: 'chat.completion', choices, usage: USAGE };
  }

  async *#chunks(request: ChatCompletionRequest): AsyncGenerator<ChatCompletionChunk, void, undefined> {
    const { failure, hang, reasoning, content, calls = [] } = this.script;
    const chunk = (delta: ChatCompletionChunkChoice['delta'], end?: 'stop' | 'tool_calls'): ChatCompletionChunk => {
      const rest = {
        finish_reason: end ?? null,
        reasoning_finish_reason: end ? ('stop' as const) : null,
        logprobs: null,
      };
      return { ...envelope, object: 'chat.completion.chunk', choices: [{ index: 0, delta, ...rest }] };
    };
    const all = [
      chunk({ role: 'assistant' }),
      ...pieces(reasoning).map((text) => chunk({ reasoning_content: text })),
      ...pieces(content).map((text) => chunk({ content: text })),
      ...calls.flatMap(({ id, type, function: { name, arguments: input } }, index) => [
        chunk({ tool_calls: [{ index, id, type, function: { name } }] }),
        ...pieces(input).map((text) => chunk({ tool_calls: [{ index, function: { arguments: text } }] })),
      ]),
      chunk({}, finishOf(this.script)),
    ];
    if (request.stream_options?.include_usage)
      all.push({ ...envelope, object: 'chat.completion.chunk', choices: [], usage: USAGE });
    let ended = false;
    try {
      for (const [at, next] of all.entries()) {
        if (request.signal?.aborted) throw new EngineAbortError();
        if (at === failure?.after) throw failure.error;
        if (at === hang) await aborted(request.signal);
        await new Promise((resolve) => setTimeout(resolve, 2)); // chunks do not come all at once
        yield next;
      }
      ended = true;
    } finally {
      if (!ended) this.left++;
    }
  }

  async #complete(request: CompletionRequest) {
    this.requests.push(request);
    const choices = [{ index: 0, text: this.script.content ?? '', finish_reason: 'stop', logprobs: null }];
    return { ...envelope, object: 'text_completion', choices, usage: USAGE };
  }

  async #embed(request: EmbeddingRequest) {
    this.requests.push(request);
    const data = [request.input].flat().map((text, index) => ({
      object: 'embedding' as const,
      index,
      embedding: [text.length, 0.5, -1e-3],
    }));
    return { object: 'list' as const, data, model: 'fake', usage: { prompt_tokens: 9, total_tokens: 9 } };
  }
}

/** Rejects when the signal aborts. */
const aborted = (signal: AbortSignal | null | undefined) =>
  new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(new EngineAbortError())));
