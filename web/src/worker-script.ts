// The worker's script: where it is, and how the browser may be brought to run it.

import { absolute } from './address.js';
import { COPY_HINT, failure, invalid, words } from './errors.js';
import type { Addresses } from './options.js';
import { isTrusted, trusted, type TrustedAddress } from './trusted.js';

/** What `new Worker` is told. */
interface Script {
  address: string | URL | TrustedAddress;
  options: WorkerOptions;
}

/** A worker whose script is on its way; `release` is to be called when it was read, or is not wanted any more. */
export interface Made {
  worker: Worker;
  release: () => void;
  /** Where its script is, in words. */
  place: string;
  /** As what it may run its script again, where that is of this package alone, and at an address that it may use. */
  again: WorkerType | undefined;
}

/** Makes the worker that the caller wants, of the package's own script if there is no such wish. */
export function makeWorker({ worker, workerUrl }: Addresses): Made {
  if (worker !== undefined && workerUrl !== undefined)
    throw invalid('worker', 'it cannot be given together with workerUrl');
  if (worker !== undefined)
    return { worker: given(worker), release: () => {}, place: 'it was given as worker', again: undefined };
  if (workerUrl === undefined) return start(own(), true);
  return start({ address: workerUrl, options: { type: 'module' } }, isTrusted(workerUrl));
}

/** Workers that an engine has or had: it ends them. */
const taken = new WeakSet<Worker>();

function given(worker: Worker | (() => Worker)): Worker {
  const made = typeof worker === 'function' ? worker() : worker;
  if (!(made instanceof Worker)) throw invalid('worker', 'the function must return a Worker');
  if (taken.has(made)) {
    const problem = 'this one was used already, and ended with its engine: give a function that makes one';
    throw invalid('worker', problem);
  }
  taken.add(made);
  return made;
}

/**
 * The package's own script. Bundlers know it by this expression only, in which Worker must be the global one, and put the
 * address that it gets into it. To have that address, Worker is for this one call a function that returns what it is told.
 */
function own(): Script {
  const { Worker: real } = globalThis;
  globalThis.Worker = function (address: string | URL, options: WorkerOptions = {}) {
    return { address, options };
  } as unknown as typeof Worker;
  try {
    return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }) as unknown as Script;
  } finally {
    globalThis.Worker = real;
  }
}

/** Starts a script; this package vouches for its own, and for what the page vouches for. */
function start({ address, options }: Script, vouches: boolean): Made {
  const url = absolute('workerUrl', address as string | URL);
  const place = `workerUrl: ${url}`;
  // not `location`, which in a sandboxed frame does not tell the frame's own origin
  const shim = url.origin === self.origin ? undefined : shimOf(url, options);
  const release = () => {
    if (shim !== undefined) URL.revokeObjectURL(shim);
  };
  const plain = shim ?? url.href;
  const told = shim === undefined && isTrusted(address) ? address : vouches ? trusted(plain) : plain;
  try {
    const again = shim === undefined ? (options.type ?? 'classic') : undefined;
    return { worker: new Worker(told as string, options), release, place, again };
  } catch (error) {
    release();
    const problem = words(error);
    throw failure(`it cannot be started (${place}): ${problem}; ${/Trusted/.test(problem) ? TRUSTED_HINT : COPY_HINT}`);
  }
}

/**
 * A script of the page's own origin, as a worker's must be, that runs one of another, which it may. What is no module learns
 * from `location` where the rest of it is.
 */
function shimOf({ href }: URL, { type }: WorkerOptions): string {
  const url = JSON.stringify(href);
  const classic = `Object.defineProperty(self, 'location', { value: new URL(${url}) }); importScripts(${url});`;
  const text = type === 'module' ? `import ${url};` : classic;
  // Chromium runs no blob as a module where the origin is none; elsewhere data would have no origin, and so no store
  if (self.origin === 'null') return `data:text/javascript,${encodeURIComponent(text)}`;
  return URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
}

const TRUSTED_HINT =
  "the page demands Trusted Types: let its policy allow 'trusted-types minke', or give a TrustedScriptURL as workerUrl";
