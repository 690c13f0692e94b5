// The page's hold on the engine's worker: its start, its end, and what it says when it fails.

import { EngineAbortError, EngineError, engineError, words } from './errors.js';
import type { LoadOptions } from './options.js';
import type { FromWorker, ToWorker } from './protocol.js';

/** Milliseconds that a worker has to free the device; it may be busy, or gone. */
const FAREWELL_MS = 1000;

/** Makes an address absolute, for the worker's own may be another. */
export function absolute(param: string, url: string | URL): URL {
  try {
    return new URL(url, globalThis.location?.href);
  } catch {
    throw new EngineError('invalid_request', `${param}: "${url}" is no URL`);
  }
}

/**
 * Starts the worker. However it fails or ends, unless it is by {@link stopWorker}, that is an `error` event. `release` is
 * to be called when the script was read, or is not wanted any more.
 */
export function startWorker(workerUrl: string | URL | undefined): { worker: Worker; release: () => void } {
  const url = workerUrl === undefined ? undefined : absolute('workerUrl', workerUrl);
  let shim: string | undefined;
  const release = () => {
    if (shim !== undefined) URL.revokeObjectURL(shim);
  };
  let worker: Worker;
  try {
    if (url && url.origin !== location.origin) {
      // a worker must be of the page's own origin, but may import from another
      const script = new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' });
      shim = URL.createObjectURL(script);
    }
    worker = url
      ? new Worker(shim ?? url, { type: 'module' })
      : new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  } catch (error) {
    release();
    throw failure(`it cannot be started (${place(url)}): ${words(error)}`);
  }
  const fail = (message: string) => worker.dispatchEvent(new ErrorEvent('error', { message }));
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    // no event tells of a worker that is gone, but the browser takes its lock from it
    if (data.type === 'started') void navigator.locks.request(data.lock, () => fail('it has ended'));
    if (data.type === 'failed') fail(data.problem);
  });
  worker.addEventListener('messageerror', () => fail('a message of it cannot be read'));
  return { worker, release };
}

/** The absolute address of what may be none. */
export const optional = (param: string, url: string | URL | undefined): string | undefined =>
  url === undefined ? undefined : absolute(param, url).href;

/** Starts a worker with its first message, and resolves with its answer to that; whatever fails ends the worker. */
export function runWorker(
  workerUrl: string | URL | undefined,
  first: ToWorker,
  { signal, onProgress, control }: Pick<LoadOptions, 'signal' | 'onProgress' | 'control'>,
): Promise<{ worker: Worker; message: FromWorker }> {
  if (signal?.aborted) throw new EngineAbortError();
  const { worker, release } = startWorker(workerUrl);
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
    // Chromium does not tell workers
    const online = () => worker.postMessage({ type: 'online' } satisfies ToWorker);
    globalThis.addEventListener('online', online);
    signal?.addEventListener('abort', abort);
    worker.onerror = (event) => fail(workerError(event, workerUrl));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'progress') onProgress?.(data.progress);
      if (data.type === 'error') fail(engineError(data.error));
      if (data.type === 'loaded' || data.type === 'result') {
        settled();
        resolve({ worker, message: data });
      }
    };
    const detach = control?.attach((paused) => worker.postMessage({ type: 'pause', paused } satisfies ToWorker));
    worker.postMessage(first);
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

/** Why the worker failed: the browser gives no message where it could not load the script. */
export function workerError({ message }: ErrorEvent, workerUrl?: string | URL): EngineError {
  return failure(message === undefined ? `it cannot be loaded (${place(workerUrl)})` : message);
}

const failure = (problem: string) => new EngineError('worker', `the engine's worker failed: ${problem}`);
const place = (workerUrl: string | URL | undefined) => `workerUrl: ${workerUrl ?? 'worker.js beside the package'}`;
