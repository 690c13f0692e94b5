// The page's line to what runs the model. Where that is lost (its worker crashed, its GPU is gone, its tab was closed),
// another is started and what was asked goes on where it was.

import { EngineAbortError, EngineError, engineError, invalid, words } from './errors.js';
import type { Asked, Delta, EngineInfo, FromWorker, Question, Reply, ToWorker } from './protocol.js';

/** A Worker, or what stands for one in another tab. */
export interface Runner {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
}

/** A runner with a loaded model. */
export interface Loaded {
  runner: Runner;
  info: EngineInfo;
  /** Ends it. */
  stop: () => Promise<void>;
  /** What its failure means. */
  failure: (event: ErrorEvent) => EngineError;
}

/** Called for the events of one request. */
export interface Listener {
  delta(delta: Delta): void;
  done(reply: Reply): void;
  error(error: EngineError): void;
}

/** A reply that was asked for. */
export interface Request {
  abort(): void;
  /** Ends its thinking. */
  answerNow(): void;
}

/** What was asked and is not answered. */
interface Pending {
  message: ToWorker & { type: 'complete' | 'ask' };
  listener: Listener;
  answer?: (value: unknown) => void;
  /** How often its runner was lost while it was the oldest request, and so the one that was answered. */
  losses: number;
}

/** How often the runner of a request may be lost, and how often in a row one is started in vain. */
const TRIES = 2;
/** Milliseconds between two tries to start one: a GPU's process needs some to come back. */
const PAUSE_MS = 500;

export class Link {
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #loaded: Loaded | undefined;
  #starting = false;
  /** When the last one that was lost is gone, with its hold on the GPU and on its files. */
  #stopped = Promise.resolve();
  /** Why no request is answered any more. */
  #ended: EngineError | undefined;
  /** Ends the start of another. */
  readonly #ending = new AbortController();

  /** @param start Makes another in place of one that was lost. */
  constructor(
    loaded: Loaded,
    readonly info: EngineInfo,
    private readonly start: (signal: AbortSignal) => Promise<Loaded>,
  ) {
    this.#attach(loaded);
  }

  /** Asks for a reply. */
  complete(asked: Asked, listener: Listener, signal: AbortSignal | null | undefined): Request {
    const id = this.#next++;
    const abort = this.#add({ type: 'complete', id, ...asked }, listener, signal);
    return { abort, answerNow: () => this.#tell({ type: 'answer-now', id }) };
  }

  /** Asks something that has one answer. */
  ask(question: Question, signal?: AbortSignal | null): Promise<unknown> {
    return new Promise((answer, error) => {
      const message = { type: 'ask' as const, id: this.#next++, question };
      this.#add(message, { delta: () => {}, done: () => {}, error }, signal, answer);
    });
  }

  /** Lets go of what can be computed again. */
  forget(): void {
    this.#tell({ type: 'forget' });
  }

  /** Ends all requests with `error`, and what runs them. */
  end(error: EngineError): Promise<void> {
    if (!this.#ended) {
      this.#ended = error;
      this.#ending.abort();
      for (const id of this.#pending.keys()) this.#tell({ type: 'abort', id });
      this.#stop();
      this.#failAll(error);
    }
    return this.#stopped;
  }

  #stop(): void {
    if (this.#loaded) this.#stopped = this.#loaded.stop();
    this.#loaded = undefined;
  }

  /** Tells what runs, if anything does. */
  #tell(message: ToWorker): void {
    this.#loaded?.runner.postMessage(message);
  }

  #add(
    message: Pending['message'],
    listener: Listener,
    signal: AbortSignal | null | undefined,
    answer?: (value: unknown) => void,
  ): () => void {
    if (this.#ended || signal?.aborted) {
      listener.error(this.#ended ?? new EngineAbortError());
      return () => {};
    }
    const { id } = message;
    const abort = () => {
      if (!this.#pending.has(id)) return;
      this.#tell({ type: 'abort', id });
      this.#fail(id, new EngineAbortError()); // what runs may say so only when it comes to this request
    };
    const settled = <T extends unknown[]>(then: (...args: T) => void) => {
      return (...args: T) => {
        signal?.removeEventListener('abort', abort);
        then(...args);
      };
    };
    signal?.addEventListener('abort', abort);
    const pending: Pending = {
      message,
      listener: {
        delta: (delta) => listener.delta(delta),
        done: settled((reply) => listener.done(reply)),
        error: settled((error) => listener.error(error)),
      },
      losses: 0,
      ...(answer && { answer: settled(answer) }),
    };
    this.#pending.set(id, pending);
    if (this.#loaded) this.#post(pending);
    else this.#restart();
    return abort;
  }

  #post({ message }: Pending): void {
    try {
      this.#tell(message);
    } catch (error) {
      // something in it, such as a function, cannot be sent
      this.#fail(message.id, invalid('request', words(error)));
    }
  }

  #attach(loaded: Loaded): void {
    this.#loaded = loaded;
    loaded.runner.onmessage = ({ data }) => this.#receive(data);
    loaded.runner.onerror = (event) => this.#lose(loaded, loaded.failure(event));
  }

  #receive(message: FromWorker): void {
    if (!('id' in message)) return;
    const pending = this.#pending.get(message.id);
    if (message.type === 'delta') {
      if (pending?.message.type === 'complete') note(pending.message, message.delta);
      return pending?.listener.delta(message.delta);
    }
    if (message.type === 'error' && message.error.code === 'device' && this.#loaded)
      return this.#lose(this.#loaded, engineError(message.error));
    this.#pending.delete(message.id);
    if (message.type === 'answer') pending?.answer?.(message.value);
    if (message.type === 'error') pending?.listener.error(engineError(message.error));
    if (message.type === 'done') {
      this.info.heapBytes = message.heapBytes;
      pending?.listener.done(message.reply);
    }
  }

  #fail(id: number, error: EngineError): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.listener.error(error);
  }

  #failAll(error: EngineError): void {
    for (const id of [...this.#pending.keys()]) this.#fail(id, error);
  }

  /** What ran is gone. The request that it was at ends if that has happened too often, the others go on with another. */
  #lose(lost: Loaded, error: EngineError): void {
    if (this.#loaded !== lost) return;
    this.#stop();
    const [oldest] = this.#pending.values();
    if (oldest && ++oldest.losses > TRIES) this.#fail(oldest.message.id, error);
    if (this.#pending.size > 0) this.#restart();
  }

  #restart(): void {
    if (this.#starting) return;
    this.#starting = true;
    void this.#started();
  }

  async #started(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#stopped;
        const loaded = await this.start(this.#ending.signal);
        this.#starting = false;
        if (this.#ended) return void loaded.stop();
        Object.assign(this.info, loaded.info);
        this.#attach(loaded);
        for (const pending of [...this.#pending.values()]) this.#post(pending);
        return;
      } catch (error) {
        if (tries === TRIES || this.#ended) {
          this.#starting = false; // so that the next request tries again
          return this.#failAll(error as EngineError);
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }
}

/** Has another runner go on after `delta`. */
function note(asked: Asked, { tokens, reasoning_finish_reason }: Delta): void {
  asked.tokens.push(...(tokens ?? []));
  asked.heard = true;
  if (reasoning_finish_reason) asked.reasoning_finish_reason = reasoning_finish_reason;
}
