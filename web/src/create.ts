import { Engine } from './engine.js';
import { EngineError } from './errors.js';
import { Link, type Loaded } from './link.js';
import { checkOptions, type EngineOptions, without } from './options.js';
import type { First, LoadProgress, Source } from './protocol.js';
import { join } from './share.js';
import { persist, sourceOf, wishes } from './source.js';
import { needBrowser, runWorker, stopWorker, workerError } from './worker-client.js';

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
  needBrowser('createEngine');
  const checked = checkOptions(options);
  const source = sourceOf(checked.model);
  const load = loader(checked, source);
  const { share } = checked;
  // a tab may come to load what another tab had loaded
  const start = (during: During) => (share ? join(nameOfShared(checked, source), load, during) : load(during));
  const { signal, onProgress, control } = checked;
  const first = await twice(() => start({ signal, onProgress, control }));
  return new Engine(new Link(first, first.info, (signal) => start({ signal })), nameOf(source));
}

/** The same for tabs that load the same, and for no others. */
function nameOfShared({ nCtx, kv, noF16, noSubgroups, defaultLimits, tuning }: EngineOptions, source: Source): string {
  const files = Array.isArray(source) && source.map((file) => [(file as File).name, file.size]);
  return JSON.stringify([files || source, nCtx, kv, noF16, noSubgroups, defaultLimits, tuning]);
}

/** What belongs to the load that a caller waits for, and not to later ones. */
export type During = Pick<EngineOptions, 'signal' | 'onProgress' | 'control'>;

/** Loads in a worker of its own, as often as it is called. */
function loader(options: EngineOptions, source: Source): (during: During) => Promise<Loaded> {
  const own = without(options, 'model', 'signal', 'onProgress', 'control', 'share');
  const { worker, workerUrl, wasmUrl, grammarUrl, keep, mirror, headers, ...device } = own;
  const first: First = { type: 'load', source, options: { ...device, ...wishes({ keep, mirror, headers }) } };
  return async ({ signal, onProgress, control }) => {
    if (keep ?? !Array.isArray(source)) void persist(); // a browser that asks the person needs not be waited for
    const progress = (event: LoadProgress) => {
      hadAdapter = true;
      onProgress?.(event);
    };
    try {
      const addresses = { worker, workerUrl, wasmUrl, grammarUrl };
      const { worker: runner, message } = await runWorker(addresses, first, { signal, control, onProgress: progress });
      if (message.type !== 'loaded') throw new EngineError('worker', 'the worker is of another version');
      return { runner, info: message.info, stop: () => stopWorker(runner), failure: workerError };
    } catch (error) {
      throw loadError(error);
    }
  };
}

/** A GPU that is lost while a model loads may be there again at the next try. */
async function twice<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'device') throw error;
    return work();
  }
}

/** What replies name as their model. */
function nameOf(source: Source): string {
  if (typeof source === 'string') return source;
  if (Array.isArray(source)) return 'file';
  return 'id' in source ? source.id : (source.parts[0]?.url ?? '');
}
