// The engine's interface, answered by a server.

import { EngineAbortError, EngineError, invalid, ServerError, words } from './errors.js';
import { withoutNulls } from './options.js';
import { readEvents } from './sse.js';
import type {
  ChatCompletion,
  ChatCompletionRequest,
  ChatEngine,
  ChatStream,
  Completion,
  CompletionRequest,
  CompletionStream,
  CreateChatCompletion,
  CreateCompletion,
  EmbeddingList,
  EmbeddingRequest,
  ModelList,
} from './types.js';
import { ChatReader, chatOf, completionOf, CompletionReader } from './wire.js';

/** What `connect` takes. */
export interface ConnectOptions {
  /** Where the API is, with its version: `http://localhost:8000/v1`. */
  baseURL: string | URL;
  /** Sent as a bearer token. A page shows it to everyone who opens it, so give none that costs money. */
  apiKey?: string | null | undefined;
  /** What requests ask for that name no model themselves. */
  model?: string | null | undefined;
  headers?: Record<string, string> | null | undefined;
  /** In place of the browser's own. */
  fetch?: typeof fetch | null | undefined;
}

/**
 * The engine's interface against a server that speaks OpenAI's API, such as vLLM, SGLang, NIM or llama.cpp's: for where the
 * device is not enough. Nothing is sent but what requests hold, and nothing but this function ever makes the package talk to
 * a server about a conversation. What the server cannot do it refuses itself.
 *
 * ```ts
 * const engine = connect({ baseURL: 'http://localhost:8000/v1', model: 'deepseek-ai/DeepSeek-R1-Distill-Qwen-32B' });
 * ```
 */
export function connect(options: ConnectOptions): ChatEngine {
  return new Remote(options);
}

/** What only an engine on the device knows, and no server would notice. */
const OF_DEVICE = { overflow: 'error', pooling: undefined } as const;

function addressOf(baseURL: string | URL): URL {
  const base = globalThis.location?.href;
  if (!URL.canParse(baseURL, base)) throw invalid('baseURL', `${JSON.stringify(baseURL)} is no address`);
  return new URL(baseURL, base);
}

/** The server's words for what went wrong. */
function said(body: string): string {
  try {
    const { error, message, detail } = JSON.parse(body) as Record<string, unknown>;
    const told = (error as { message?: unknown } | null | undefined)?.message ?? error ?? message ?? detail ?? body;
    return typeof told === 'string' ? told : JSON.stringify(told);
  } catch {
    return body.trimStart().startsWith('<') ? 'a web page' : body.trim().slice(0, 300) || 'nothing more';
  }
}

type Request = { signal?: AbortSignal | null | undefined };

class Remote implements ChatEngine {
  readonly info;
  readonly chat = { completions: { create: this.#chat.bind(this) as CreateChatCompletion } };
  readonly completions = { create: this.#complete.bind(this) as CreateCompletion };
  readonly embeddings = { create: this.#embed.bind(this) };
  readonly models = { list: this.#list.bind(this) };
  readonly #base: URL;
  readonly #headers: Record<string, string>;
  readonly #fetch: typeof fetch;
  readonly #model: string | undefined;
  readonly #disposed = new AbortController();

  constructor({ baseURL, apiKey, model, headers, fetch }: ConnectOptions) {
    this.#base = addressOf(baseURL);
    this.#headers = { ...(apiKey && { authorization: `Bearer ${apiKey}` }), ...headers };
    this.#fetch = fetch ?? globalThis.fetch.bind(globalThis);
    this.#model = model ?? undefined;
    this.info = { where: this.#base.href };
  }

  answerNow(): boolean {
    return false;
  }

  async dispose(): Promise<void> {
    this.#disposed.abort();
  }

  async #chat(request: ChatCompletionRequest): Promise<ChatCompletion | ChatStream> {
    const reader = () => new ChatReader(Boolean(request.stream_options?.include_usage));
    return request.stream
      ? begun(this.#stream('/chat/completions', request, reader()))
      : chatOf(await this.#ask('/chat/completions', request));
  }

  async #complete(request: CompletionRequest): Promise<Completion | CompletionStream> {
    const reader = () => new CompletionReader(Boolean(request.stream_options?.include_usage));
    return request.stream
      ? begun(this.#stream('/completions', request, reader()))
      : completionOf(await this.#ask('/completions', request));
  }

  async #embed(request: EmbeddingRequest): Promise<EmbeddingList> {
    const { data, model, usage } = await this.#ask<EmbeddingList>('/embeddings', request);
    return { object: 'list', data, model, usage };
  }

  async #list(): Promise<ModelList> {
    const { data } = await this.#ask<ModelList>('/models');
    const models = data.map(({ id, created, owned_by }) => ({ id, created: created ?? 0, owned_by: owned_by ?? '' }));
    return { object: 'list', data: models.map((model) => ({ ...model, object: 'model' })) };
  }

  /** One request and its whole reply. */
  async #ask<Reply extends object>(path: string, request?: Request): Promise<Reply> {
    const body = request && this.#body(request);
    const text = await this.#exchange(request)(async (signal) => (await this.#send(path, body, signal)).text());
    return this.#parse(path, text);
  }

  /** One request and the chunks of its reply. Leaving them ends the request. */
  async *#stream<Wire extends object, Chunk>(
    path: string,
    request: Request,
    reader: { read(wire: Wire): Chunk | undefined; end(): Chunk[] },
  ): AsyncGenerator<Chunk, void, undefined> {
    const body = this.#body(request);
    const left = new AbortController();
    const exchange = this.#exchange(request, left.signal);
    try {
      const events = await exchange(async (signal) => this.#events(path, await this.#send(path, body, signal)));
      for (;;) {
        const { done, value } = await exchange(() => events.next());
        if (done) break;
        const chunk = reader.read(this.#parse<Wire>(path, value));
        if (chunk) yield chunk;
      }
      yield* reader.end();
    } finally {
      left.abort();
    }
  }

  async #send(path: string, body: string | undefined, signal: AbortSignal): Promise<Response> {
    const response = await this.#fetch(this.#address(path), {
      method: body ? 'POST' : 'GET',
      headers: { ...(body && { 'content-type': 'application/json' }), ...this.#headers },
      ...(body && { body }),
      signal,
    });
    if (response.ok) return response;
    const { status } = response;
    throw new ServerError(
      status,
      `${this.#address(path)} answered with HTTP status ${status}: ${said(await response.text())}`,
    );
  }

  #body(request: Request): string {
    const given = withoutNulls({ model: this.#model, ...withoutNulls(request), signal: null });
    for (const [param, fine] of Object.entries(OF_DEVICE))
      if (param in given && given[param] !== fine)
        throw invalid(param, `only an engine on the device can do this, not the server ${this.info.where}`);
    try {
      return JSON.stringify(given);
    } catch (error) {
      throw invalid('request', words(error));
    }
  }

  #address(path: string): string {
    const url = new URL(this.#base);
    url.pathname = url.pathname.replace(/\/+$/, '') + path;
    return url.href;
  }

  async #events(path: string, response: Response): Promise<AsyncGenerator<string, void, undefined>> {
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
    if (isStream && response.body) return readEvents(response.body);
    this.#parse(path, await response.text()); // an error, perhaps
    throw new EngineError('bad_server', `${this.#address(path)} answered in one piece, where a stream was asked for`);
  }

  /** What the server sent, unless it is an error. vLLM's older versions mark those by their `object`. */
  #parse<Value extends object>(path: string, text: string): Value {
    let value: { error?: unknown; object?: unknown } | null | undefined;
    try {
      value = JSON.parse(text) as typeof value;
    } catch {
      // told below
    }
    if (typeof value !== 'object' || value === null)
      throw new EngineError('bad_server', `${this.#address(path)} sent what is no JSON object: ${text.slice(0, 100)}`);
    if (value.error || value.object === 'error')
      throw new EngineError('server', `${this.#address(path)} ended with an error: ${said(text)}`);
    return value as Value;
  }

  /** Does parts of one exchange; whatever fails is named for what it was. */
  #exchange({ signal }: Request = {}, left?: AbortSignal) {
    if (signal && !(signal instanceof AbortSignal)) throw invalid('signal', 'it must be an AbortSignal');
    const any = AbortSignal.any([this.#disposed.signal, ...(signal ? [signal] : []), ...(left ? [left] : [])]);
    const stop = () => {
      if (this.#disposed.signal.aborted) throw new EngineAbortError('the engine was disposed');
      if (any.aborted) throw new EngineAbortError();
    };
    return async <T>(part: (signal: AbortSignal) => Promise<T>): Promise<T> => {
      try {
        stop();
        return await part(any);
      } catch (error) {
        stop();
        if (error instanceof EngineError) throw error;
        const hint = 'is it running, and does it let this page ask (CORS)?';
        throw new EngineError('network', `no answer of ${this.info.where} (${words(error)}): ${hint}`);
      }
    };
  }
}

/** The chunks of a reply that has begun: what is wrong with the request has been said by then. */
async function begun<Chunk extends { id: string }>(
  chunks: AsyncGenerator<Chunk, void, undefined>,
): Promise<AsyncIterable<Chunk> & { id: string }> {
  const first = await chunks.next();
  if (first.done) throw new EngineError('bad_server', 'the server sent no chunk');
  const { value } = first;
  const all = (async function* () {
    try {
      yield value;
      yield* chunks;
    } finally {
      await chunks.return();
    }
  })();
  return { id: value.id, [Symbol.asyncIterator]: () => all };
}
