// The page's hold on the engine's worker: its start, its end, and what it says when it fails.

import { optional } from './address.js';
import { COPY_HINT, EngineAbortError, EngineError, engineError, failure, invalid, words } from './errors.js';
import type { Addresses, LoadOptions } from './options.js';
import type { First, FromWorker, ToWorker } from './protocol.js';
import { type Made, makeWorker } from './worker-script.js';

/** Milliseconds that a worker has to free the device; it may be busy, or gone. */
const FAREWELL_MS = 1000;

/** Milliseconds that a given worker has to answer: what it runs may be anything. */
const ANSWER_MS = 30_000;

/**
 * Starts the worker. `started` resolves when it listens. However it fails or ends, unless it is by {@link stopWorker}, that
 * is an `error` event.
 */
function startWorker(addresses: Addresses): Made & { started: Promise<void> } {
  const made = makeWorker(addresses);
  const { worker } = made;
  const fail = (message: string) => worker.dispatchEvent(new ErrorEvent('error', { message }));
  const started = new Promise<void>((resolve) => {
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'failed') fail(data.problem);
      if (data.type !== 'started') return;
      resolve();
      // no event tells of a worker that is gone, but the browser takes its lock from it
      if (data.lock !== undefined) void navigator.locks.request(data.lock, () => fail('it has ended'));
    });
  });
  worker.addEventListener('messageerror', () => fail('a message of it cannot be read'));
  worker.postMessage({ type: 'hello' } satisfies ToWorker);
  if (addresses.worker !== undefined) {
    const silent = () => fail(`it does not answer: its script must be there and run import 'minke/worker'`);
    const timer = setTimeout(silent, ANSWER_MS);
    void started.then(() => clearTimeout(timer));
  }
  return { ...made, started };
}

/**
 * Where wasm is, undefined for beside the worker. That of the package's own worker is told by the page, because what runs in a
 * blob may not know where it came from.
 */
function wasmAddresses({ worker, workerUrl, wasmUrl, grammarUrl }: Addresses) {
  const isOwn = worker === undefined && workerUrl === undefined;
  return {
    wasmUrl: optional('wasmUrl', wasmUrl ?? (isOwn ? new URL('./engine.wasm', import.meta.url) : undefined)),
    grammarUrl: optional('grammarUrl', grammarUrl ?? (isOwn ? new URL('./grammar.wasm', import.meta.url) : undefined)),
  };
}

/** Refuses to run elsewhere, as on a server that renders the page; `what` is what would have run. */
export function needBrowser(what: string): void {
  if (typeof Worker === 'undefined')
    throw new EngineError('unsupported', `${what} needs a browser: here are no Web Workers and no WebGPU`);
}

/** Starts a worker with its first message, and resolves with its answer to that; whatever fails ends the worker. */
export async function runWorker(
  addresses: Addresses,
  first: First,
  { signal, onProgress, control }: Pick<LoadOptions, 'signal' | 'onProgress' | 'control'>,
): Promise<{ worker: Worker; message: FromWorker }> {
  needBrowser('this');
  if (signal?.aborted) throw new EngineAbortError();
  const wasm = wasmAddresses(addresses);
  const { worker, release, place, again, started } = startWorker(addresses);
  return new Promise((resolve, reject) => {
    const settled = () => {
      signal?.removeEventListener('abort', abort);
      detach?.();
      globalThis.removeEventListener('online', online);
      release();
    };
    const fail = (error: EngineError) => {
      settled();
      reject(error);
      void stopWorker(worker);
    };
    const abort = () => fail(new EngineAbortError());
    const tell = (message: ToWorker) => {
      const unsendable = (error: unknown) => fail(invalid('options', words(error)));
      void started.then(() => worker.postMessage(message)).catch(unsendable);
    };
    const online = () => tell({ type: 'online' }); // Chromium does not tell workers
    globalThis.addEventListener('online', online);
    signal?.addEventListener('abort', abort);
    worker.onerror = (event) => fail(workerError(event, place));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'progress') onProgress?.(data.progress);
      if (data.type === 'error') fail(engineError(data.error));
      if (data.type === 'loaded' || data.type === 'result') {
        settled();
        resolve({ worker, message: data });
      }
    };
    const detach = control?.attach((paused) => tell({ type: 'pause', paused }));
    tell({ ...first, ...wasm, again });
  });
}

/** Lets the worker free the device, then ends it. */
export async function stopWorker(worker: Worker): Promise<void> {
  await new Promise<void>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => data.type === 'disposed' && resolve();
    worker.onerror = () => resolve();
    setTimeout(resolve, FAREWELL_MS);
    worker.postMessage({ type: 'dispose' } satisfies ToWorker);
  });
  worker.terminate();
}

/** Why the worker failed: the browser gives no message where it could not load the script, which was to be at `place`. */
export function workerError({ message }: ErrorEvent, place?: string): EngineError {
  return failure(message ?? `it cannot be loaded (${place}); ${COPY_HINT}`);
}
