import {
  type ChatCompletion,
  type ChatCompletionRequest,
  checkRequest,
  Chunks,
  completion,
  type Create,
} from './chat.js';
import { EngineAbortError, EngineError, engineError, words } from './errors.js';
import { checkOptions, type EngineOptions, withoutNulls } from './options.js';
import type { Delta, EngineInfo, First, FromWorker, LoadProgress, Reply, Source, ToWorker } from './protocol.js';
import { persist, sourceOf, wishes } from './source.js';
import { runWorker, stopWorker, workerError } from './worker-client.js';

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
  /** Why no request can be answered any more; `stopped` resolves when the worker is gone. */
  #ended: { error: EngineError; stopped: Promise<void> } | undefined;

  /** Use `createEngine`. */
  constructor(
    private readonly worker: Worker,
    private readonly model: string,
    /** Facts about the model and the device. */
    readonly info: EngineInfo,
  ) {
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.#receive(event.data);
    worker.onerror = (event) => void this.#end(workerError(event));
  }

  /** Frees the GPU and the worker; running requests end with an abort error, and so do later ones. */
  dispose(): Promise<void> {
    return this.#end(new EngineAbortError('the engine was disposed'));
  }

  #end(error: EngineError): Promise<void> {
    this.#ended ??= { error, stopped: stopWorker(this.worker) };
    for (const listener of this.#listeners.values()) listener.error(error);
    this.#listeners.clear();
    return this.#ended.stopped;
  }

  #receive(message: FromWorker): void {
    if (!('id' in message)) return;
    const listener = this.#listeners.get(message.id);
    if (message.type !== 'delta') this.#listeners.delete(message.id);
    if (message.type === 'delta') listener?.delta(message.delta);
    if (message.type === 'done') {
      this.info.heapBytes = message.heapBytes;
      listener?.done(message.reply);
    }
    if (message.type === 'error') listener?.error(engineError(message.error));
  }

  async #create(request: ChatCompletionRequest): Promise<ChatCompletion | Chunks> {
    checkRequest(request);
    return request.stream ? this.#stream(request) : this.#whole(request);
  }

  /** Starts a request; the returned function aborts it. */
  #start(request: ChatCompletionRequest, listener: Listener): () => void {
    const { signal, ...rest } = request;
    if (this.#ended || signal?.aborted) {
      listener.error(this.#ended?.error ?? new EngineAbortError());
      return () => {};
    }
    const id = this.#next++;
    const fail = (code: string, message: string) => this.#receive({ type: 'error', id, error: { code, message } });
    const abort = () => {
      this.worker.postMessage({ type: 'abort', id } satisfies ToWorker);
      fail('aborted', 'aborted'); // the worker may say so only when it comes to this request
    };
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
    try {
      this.worker.postMessage({ type: 'complete', id, request: withoutNulls(rest) } satisfies ToWorker);
    } catch (error) {
      fail('invalid_request', `request: ${words(error)}`); // something in it, such as a function, cannot be sent
    }
    return abort;
  }

  #whole(request: ChatCompletionRequest): Promise<ChatCompletion> {
    return new Promise((resolve, reject) => {
      const done = (reply: Reply) => resolve(completion(this.model, reply));
      this.#start(request, { delta: () => {}, done, error: reject });
    });
  }

  /** Resolves with the first event of the request, so that what is wrong with it rejects here. */
  #stream(request: ChatCompletionRequest): Promise<Chunks> {
    return new Promise((resolve, reject) => {
      const chunks = new Chunks(this.model, () => abort());
      const abort = this.#start(request, {
        delta: (delta) => (chunks.delta(delta), resolve(chunks)),
        done: (reply) => (chunks.done(reply), resolve(chunks)),
        error: (error) => (chunks.error(error), reject(error)),
      });
    });
  }
}

/** Whether a load of this page found an adapter: where none is found later, the browser has stopped offering them. */
let hadAdapter = false;

function loadError(error: unknown): unknown {
  if (!(error instanceof EngineError) || error.code !== 'no_adapter' || !hadAdapter) return error;
  const message =
    'this browser offers WebGPU no longer, as after a crash of its GPU process: reload the page, or restart the browser';
  return new EngineError('no_adapter', message);
}

/**
 * Loads a model and resolves when it is ready to answer. What is downloaded is kept in this browser, verified at each load,
 * and never fetched twice; see `keep`.
 *
 * @throws EngineError with a `code`, such as `not_gguf`, `http`, `network`, `corrupt`, `storage_full`, `unsupported`,
 *   `no_adapter`, `out_of_memory`.
 * @throws EngineAbortError when `signal` aborts.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  if (typeof Worker === 'undefined')
    throw new EngineError('unsupported', 'createEngine needs a browser: here are no Web Workers and no WebGPU');
  const { model, signal, onProgress, control, worker, workerUrl, wasmUrl, keep, mirror, headers, ...device } =
    checkOptions(options);
  const source = sourceOf(model);
  const given = { ...device, ...wishes({ keep, mirror, headers }) };
  const isFile = Array.isArray(source);
  if (keep ?? !isFile) void persist(); // a browser that asks the person needs not be waited for
  const progress = (event: LoadProgress) => {
    hadAdapter = true;
    onProgress?.(event);
  };
  const first: First = { type: 'load', source, options: given };
  const addresses = { worker, workerUrl, wasmUrl };
  try {
    const started = await runWorker(addresses, first, { signal, control, onProgress: progress });
    if (started.message.type !== 'loaded') throw new EngineError('worker', 'the worker is of another version');
    return new Engine(started.worker, nameOf(source), started.message.info);
  } catch (error) {
    throw loadError(error);
  }
}

/** What replies name as their model. */
function nameOf(source: Source): string {
  if (typeof source === 'string') return source;
  if (Array.isArray(source)) return 'file';
  return 'id' in source ? source.id : (source.parts[0]?.url ?? '');
}
