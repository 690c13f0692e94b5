import { EngineAbortError, EngineError, engineError, words } from './errors.js';
import { models } from './models.js';
import type {
  Delta,
  DeviceOptions,
  EngineInfo,
  FromWorker,
  LoadProgress,
  Logprobs,
  Reply,
  ToWorker,
  Usage,
} from './protocol.js';

/** What `createEngine` takes. */
export interface EngineOptions extends DeviceOptions {
  /** A URL, a File or Blob, or the id of a listed model (see `models`). */
  model: string | URL | Blob;
  /** Aborts loading. */
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Where worker.js is, if not beside this module. */
  workerUrl?: string | URL | undefined;
  /** Where engine.wasm is, if not beside the worker. */
  wasmUrl?: string | URL | undefined;
}

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

/** Called for the events of one request. */
interface Listener {
  delta(delta: Delta): void;
  done(reply: Reply): void;
  error(error: EngineError): void;
}

/** A loaded model. Requests that come together run one after the other. */
export class Engine {
  readonly chat = { completions: { create: this.#create.bind(this) as Create } };
  readonly #listeners = new Map<number, Listener>();
  #next = 1;
  #disposed = false;

  /** Use `createEngine`. */
  constructor(
    private readonly worker: Worker,
    private readonly model: string,
    /** Facts about the model and the device. */
    readonly info: EngineInfo,
  ) {
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.#receive(event.data);
    worker.onerror = (event) => this.#fail(workerError(event));
  }

  /** Frees the GPU and the worker; running requests end with an abort error. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.worker.terminate();
    this.#fail(new EngineAbortError());
  }

  #receive(message: FromWorker): void {
    if (!('id' in message)) return;
    const listener = this.#listeners.get(message.id);
    if (message.type === 'delta') listener?.delta(message.delta);
    if (message.type === 'done') {
      this.info.heapBytes = message.heapBytes;
      listener?.done(message.reply);
    }
    if (message.type === 'error') listener?.error(engineError(message.error));
    if (message.type !== 'delta') this.#listeners.delete(message.id);
  }

  #fail(error: EngineError): void {
    for (const listener of this.#listeners.values()) listener.error(error);
    this.#listeners.clear();
  }

  #create(request: ChatCompletionRequest): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>> {
    return request.stream ? Promise.resolve(this.#stream(request)) : this.#whole(request);
  }

  /** Starts a request; the returned function aborts it. */
  #start(request: ChatCompletionRequest, listener: Listener): () => void {
    const { signal, ...rest } = request;
    if (this.#disposed || signal?.aborted) {
      listener.error(new EngineAbortError());
      return () => {};
    }
    const id = this.#next++;
    const abort = () => this.worker.postMessage({ type: 'abort', id } satisfies ToWorker);
    const settled = (done: () => void) => {
      signal?.removeEventListener('abort', abort);
      done();
    };
    signal?.addEventListener('abort', abort);
    this.#listeners.set(id, {
      delta: (delta) => listener.delta(delta),
      done: (reply) => settled(() => listener.done(reply)),
      error: (error) => settled(() => listener.error(error)),
    });
    // OpenAI's clients write null for "not given"
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== undefined));
    try {
      this.worker.postMessage({ type: 'complete', id, request: given } satisfies ToWorker);
    } catch (error) {
      // something in it, such as a function, cannot be sent
      const refused = { code: 'invalid_request', message: `request: ${words(error)}` };
      this.#receive({ type: 'error', id, error: refused });
    }
    return abort;
  }

  #whole(request: ChatCompletionRequest): Promise<ChatCompletion> {
    return new Promise((resolve, reject) => {
      const done = (reply: Reply) => resolve({ ...this.#envelope('chat.completion'), ...wholeChoice(reply) });
      this.#start(request, { delta: () => {}, done, error: reject });
    });
  }

  async *#stream(request: ChatCompletionRequest): AsyncGenerator<ChatCompletionChunk, void, undefined> {
    const envelope = this.#envelope('chat.completion.chunk');
    const chunk = (
      { logprobs, ...delta }: Delta & { role?: 'assistant' },
      finish_reason: 'stop' | 'length' | null,
    ): ChatCompletionChunk => ({
      ...envelope,
      choices: [{ index: 0, delta, finish_reason, logprobs: logprobs ?? null }],
    });
    const ready: ChatCompletionChunk[] = [chunk({ role: 'assistant', content: '' }, null)];
    let ended: { error?: EngineError } | undefined;
    let wake = () => {};
    const abort = this.#start(request, {
      delta: (delta) => (ready.push(chunk(delta, null)), wake()),
      done: (reply) => (ready.push({ ...chunk({}, reply.finish_reason), usage: reply.usage }), (ended = {}), wake()),
      error: (error) => ((ended = { error }), wake()),
    });
    try {
      for (;;) {
        const next = ready.shift();
        if (next) {
          yield next;
        } else if (ended) {
          if (ended.error) throw ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => (wake = resolve));
        }
      }
    } finally {
      if (!ended) abort(); // the reader broke out of the loop
    }
  }

  #envelope<T extends string>(object: T) {
    const created = Math.floor(Date.now() / 1000);
    return { id: `chatcmpl-${crypto.randomUUID()}`, object, created, model: this.model };
  }
}

function wholeChoice(reply: Reply): Pick<ChatCompletion, 'choices' | 'usage'> {
  const message = {
    role: 'assistant' as const,
    content: reply.content,
    reasoning_content: reply.reasoning_content || null,
  };
  return {
    choices: [{ index: 0, message, finish_reason: reply.finish_reason, logprobs: reply.logprobs }],
    usage: reply.usage,
  };
}

interface Create {
  (request: ChatCompletionRequest & { stream: true }): Promise<AsyncIterable<ChatCompletionChunk>>;
  (request: ChatCompletionRequest & { stream?: false | null }): Promise<ChatCompletion>;
  (request: ChatCompletionRequest): Promise<ChatCompletion | AsyncIterable<ChatCompletionChunk>>;
}

/** Makes an address absolute, for the worker's own may be another. */
function absolute(param: string, url: string | URL): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch {
    throw new EngineError('invalid_request', `${param}: "${url}" is no URL`);
  }
}

/** The address of a model: of a listed id, or the URL itself. */
function sourceOf(model: EngineOptions['model']): string | Blob {
  if (model instanceof Blob) return model;
  const listed = models.find((listed) => listed.id === model);
  return absolute('model', listed?.url ?? model).href;
}

function startWorker(workerUrl: string | URL | undefined): Worker {
  if (workerUrl === undefined) return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const url = absolute('workerUrl', workerUrl);
  if (url.origin === location.origin) return new Worker(url, { type: 'module' });
  // a worker must be of the page's own origin, but may import from another
  const shim = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
  return new Worker(URL.createObjectURL(shim), { type: 'module' });
}

/** Why the worker failed: the browser gives no message where it could not load the script. */
function workerError({ message }: ErrorEvent, workerUrl: string | URL = 'worker.js beside the package'): EngineError {
  const problem = message === undefined ? `it cannot be loaded (workerUrl: ${workerUrl})` : message;
  return new EngineError('worker', `the engine's worker failed: ${problem}`);
}

/**
 * Loads a model and resolves when it is ready to answer.
 *
 * @throws EngineError with a `code`, such as `not_gguf`, `http`, `unsupported`, `no_adapter`, `out_of_memory`.
 * @throws EngineAbortError when `signal` aborts.
 */
export function createEngine(options: EngineOptions): Promise<Engine> {
  const { model, signal, onProgress, workerUrl, wasmUrl, ...device } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw new EngineAbortError();
    const source = sourceOf(model);
    const wasm = wasmUrl === undefined ? undefined : absolute('wasmUrl', wasmUrl).href;
    const worker = startWorker(workerUrl);
    const end = (settle: () => void) => {
      signal?.removeEventListener('abort', abort);
      settle();
    };
    const fail = (error: EngineError) => end(() => (worker.terminate(), reject(error)));
    const abort = () => fail(new EngineAbortError());
    signal?.addEventListener('abort', abort);
    worker.onerror = (event) => fail(workerError(event, workerUrl));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'progress') onProgress?.(data.progress);
      if (data.type === 'error') fail(engineError(data.error));
      if (data.type === 'loaded')
        end(() => resolve(new Engine(worker, String(source instanceof Blob ? 'file' : source), data.info)));
    };
    try {
      worker.postMessage({ type: 'load', source, options: device, wasmUrl: wasm } satisfies ToWorker);
    } catch (error) {
      fail(new EngineError('invalid_request', `options: ${words(error)}`));
    }
  });
}
