import { localTime, seconds } from './time.js';
import { Channel } from './channel.js';
import { EngineAbortError, EngineError, invalid } from './errors.js';
import { drop } from './journal.js';
import { type Link, type Listener, type Request } from './link.js';
import type { Asked, EngineInfo, Reply, Unfinished } from './protocol.js';
import { chats, type Envelope, type Shape, texts, together } from './replies.js';
import { type AnyRequest, asksOf, checkRequest, checkStreamOptions } from './requests.js';
import { storage, type StorageInfo } from './room.js';
import { plan } from './store.js';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionRequest,
  ChatEngine,
  ChatMessage,
  ChatStream,
  CompletionRequest,
  CreateChatCompletion,
  CreateCompletion,
  EmbeddingList,
  EmbeddingRequest,
  ModelList,
} from './types.js';

/** A reply's pieces; they can be read once, and breaking out of the loop ends the request. */
class Stream<Chunk> extends Channel<Chunk> {
  constructor(
    readonly id: string,
    leave: () => void,
  ) {
    super(leave);
  }
}

/** What of a chat request makes its prompt. */
export type PromptRequest = Pick<
  ChatCompletionRequest,
  'messages' | 'tools' | 'tool_choice' | 'chat_template_kwargs' | 'thinking' | 'reasoning_effort'
>;

/**
 * A loaded model. Requests that come together are answered one after the other, in their order; whatever asks for no reply is
 * answered at once. Where the GPU or the worker is lost, the model is loaded again, and what was being answered goes on.
 */
export class Engine implements ChatEngine {
  readonly chat: { readonly completions: { readonly create: CreateChatCompletion } };
  readonly completions: { readonly create: CreateCompletion };
  readonly embeddings: ChatEngine['embeddings'] = { create: (request) => this.#embed(request) };
  readonly models: ChatEngine['models'] = { list: () => this.#models() };
  /** Facts about the model and the device. */
  readonly info: EngineInfo;
  /** Replies that are being made, by id. */
  readonly #running = new Map<string, Request[]>();
  readonly #created = seconds();

  /** Use `createEngine`. */
  constructor(
    private readonly link: Link,
    private readonly model: string,
  ) {
    this.info = link.info;
    const chat = (request: ChatCompletionRequest) => this.#create(request, chats, true, 'chatcmpl');
    const text = (request: CompletionRequest) => this.#create(request, texts, false, 'cmpl');
    this.chat = { completions: { create: chat as CreateChatCompletion } };
    this.completions = { create: text as CreateCompletion };
    globalThis.document?.addEventListener('freeze', this.#forget);
  }

  /** Frees the GPU and the worker; running requests end with an abort error, and so do later ones. */
  dispose(): Promise<void> {
    globalThis.document?.removeEventListener('freeze', this.#forget);
    return this.link.end(new EngineAbortError('the engine was disposed'));
  }

  answerNow(id?: string): boolean {
    const requests = id === undefined ? [...this.#running.values()].flat() : (this.#running.get(id) ?? []);
    requests.forEach((request) => request.answerNow());
    return requests.length > 0;
  }

  /** The ids of a text. Control tokens in it are only text, unless `special` says otherwise. */
  async tokenize(text: string, { special = false }: { special?: boolean } = {}): Promise<number[]> {
    return Array.from((await this.link.ask({ name: 'tokenize', text, special })) as Uint32Array);
  }

  /** The text of ids; bytes that are no UTF-8 become U+FFFD. */
  async detokenize(tokens: Iterable<number>): Promise<string> {
    return (await this.link.ask({ name: 'detokenize', tokens: [...tokens] })) as string;
  }

  /** How many tokens a text has, or the prompt that the model's template makes of messages. */
  async countTokens(of: string | readonly ChatMessage[] | PromptRequest): Promise<number> {
    if (typeof of === 'string') return (await this.tokenize(of)).length;
    return (await this.#prompt(Array.isArray(of) ? { messages: of } : (of as PromptRequest), true)).tokens;
  }

  /** The text that the model's template makes of messages. */
  async applyChatTemplate(
    request: readonly ChatMessage[] | PromptRequest,
    { addGenerationPrompt = true }: { addGenerationPrompt?: boolean } = {},
  ): Promise<string> {
    const of = Array.isArray(request) ? { messages: request } : (request as PromptRequest);
    return (await this.#prompt(of, addGenerationPrompt)).text;
  }

  /** Whether a model fits this device: see the function of this name. */
  readonly plan: typeof plan = plan;

  /** Room for models in this browser: see the function of this name. */
  readonly storage: () => Promise<StorageInfo> = storage;

  /** Replies to chats that were cut off, as by a reload of the page or a crash of the browser; newest first. */
  async unfinished(): Promise<Unfinished[]> {
    return (await this.link.ask({ name: 'unfinished' })) as Unfinished[];
  }

  /**
   * Goes on with a reply that was cut off: its first chunks have all that there was of it, and its usage, if it is asked for, counts
   * that too.
   *
   * @throws EngineError `not_kept` if there is none of this `id`.
   */
  async resume(
    id: string,
    { signal, stream_options }: Pick<ChatCompletionRequest, 'signal' | 'stream_options'> = {},
  ): Promise<ChatStream> {
    checkStreamOptions(stream_options);
    const asked = (await this.link.ask({ name: 'journal', id })) as Asked;
    const envelope = { id, created: seconds(), model: this.model };
    const shape = chats as Shape<ChatCompletion, ChatCompletionChunk>;
    return this.#stream(
      shape,
      envelope,
      [{ ...asked, journal: id, heard: false }],
      Boolean(stream_options?.include_usage),
      signal,
    );
  }

  readonly #forget = () => this.link.forget();

  async #create<Whole, Chunk>(
    request: AnyRequest,
    shape: Shape<Whole, Chunk>,
    chat: boolean,
    prefix: string,
  ): Promise<Whole | Stream<Chunk>> {
    checkRequest(request, chat);
    const envelope = { id: `${prefix}-${uuid()}`, created: seconds(), model: this.model };
    const asks = asksOf(request, chat, envelope.id);
    const { signal, stream, stream_options } = request;
    if (stream) return this.#stream(shape, envelope, asks, Boolean(stream_options?.include_usage), signal);
    const { replies } = this.#ask(envelope.id, asks, signal, () => ({ delta: () => {} }));
    return shape.whole(envelope, await replies);
  }

  /** Asks for all replies; `listen` gives what hears of each. */
  #ask(
    id: string,
    asks: Asked[],
    signal: AbortSignal | null | undefined,
    listen: (index: number) => Pick<Listener, 'delta'> & { done?: Listener['done'] },
  ): { replies: Promise<Reply[]>; abort: () => void } {
    const requests: Request[] = [];
    const abort = () => requests.forEach((request) => request.abort());
    this.#running.set(id, requests);
    const one = (asked: Asked, index: number) =>
      new Promise<Reply>((resolve, reject) => {
        const { delta, done } = listen(index);
        const whole = (reply: Reply) => {
          done?.(reply);
          resolve(reply);
        };
        requests.push(this.link.complete(asked, { delta, done: whole, error: reject }, signal));
      });
    const replies = Promise.all(asks.map(one)).finally(() => this.#running.delete(id));
    replies.catch(({ code }: EngineError) => {
      abort(); // what is wrong with one is wrong with all
      if (code === 'aborted') void drop(id);
    });
    return { replies, abort };
  }

  /** Resolves with the first event of the request, so that what is wrong with it rejects here. */
  #stream<Whole, Chunk>(
    shape: Shape<Whole, Chunk>,
    envelope: Envelope,
    asks: Asked[],
    withUsage: boolean,
    signal: AbortSignal | null | undefined,
  ): Promise<Stream<Chunk>> {
    return new Promise((resolve, reject) => {
      const stream: Stream<Chunk> = new Stream(envelope.id, () => abort());
      const push = (...chunks: Chunk[]) => {
        stream.push(...chunks);
        resolve(stream);
      };
      const { replies, abort } = this.#ask(envelope.id, asks, signal, (index) => {
        let begun = false;
        const begin = () => {
          if (!begun) stream.push(...shape.first(envelope, index));
          begun = true;
        };
        return {
          delta: (delta) => (begin(), push(...shape.delta(envelope, index, delta))),
          done: (reply) => (begin(), push(shape.last(envelope, index, reply))),
        };
      });
      replies.then(
        (all) => {
          if (withUsage) push(shape.usage(envelope, usageOf(all)));
          stream.end();
        },
        (error: EngineError) => {
          stream.end({ error });
          reject(error);
        },
      );
    });
  }

  async #prompt(request: PromptRequest, add_generation_prompt: boolean): Promise<{ text: string; tokens: number }> {
    checkRequest(request, true);
    const question = { name: 'prompt' as const, request: { ...request }, now: localTime(), add_generation_prompt };
    return (await this.link.ask(question)) as { text: string; tokens: number };
  }

  async #embed(request: EmbeddingRequest): Promise<EmbeddingList> {
    const { input, pooling, encoding_format, signal } = request ?? {};
    const list = typeof input === 'string' ? [input] : input;
    if (!Array.isArray(list) || !list.every((text) => typeof text === 'string'))
      throw invalid('input', 'it must be a text or a list of texts');
    if ((encoding_format ?? 'float') !== 'float') throw invalid('encoding_format', 'only float is supported');
    const ask = (text: string) => this.link.ask({ name: 'embed', text, pooling: pooling ?? 'mean' }, signal);
    const vectors = (await Promise.all(list.map(ask))) as { embedding: number[]; tokens: number }[];
    const tokens = vectors.reduce((sum, vector) => sum + vector.tokens, 0);
    return {
      object: 'list',
      data: vectors.map(({ embedding }, index) => ({ object: 'embedding', index, embedding })),
      model: this.model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  }

  async #models(): Promise<ModelList> {
    const model = { id: this.model, object: 'model' as const, created: this.#created, owned_by: 'device' };
    return { object: 'list', data: [model] };
  }
}

const usageOf = (replies: Reply[]) => together(replies.map(({ usage }) => usage));

/** Of pages that are not from a secure origin too, where the browser has no `randomUUID`. */
const uuid = () =>
  crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(16)).join('');
