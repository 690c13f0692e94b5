// Owns the wasm module and the GPU. One model; requests run one after the other.

import { bestAdapter, enableSubgroups } from './adapter.js';
import { words } from './errors.js';
import init, { heapBytes, WasmEngine } from './generated/minke.js';
import type { Delta, EngineInfo, FromWorker, LoadProgress, Reply, ToWorker } from './protocol.js';
import { recall, remember } from './tuning.js';

let engine: WasmEngine | undefined;
let queue: Promise<void> = Promise.resolve();
const running = new Map<number, AbortController>();

function post(message: FromWorker): void {
  (self as unknown as { postMessage(message: FromWorker): void }).postMessage(message);
}

/** What wasm throws is `{ code, message }`; anything else is a bug or a trap. */
function plainError(error: unknown): { code: string; message: string } {
  if (typeof error === 'object' && error !== null && 'code' in error && 'message' in error) {
    return { code: String(error.code), message: String(error.message) };
  }
  return { code: 'worker', message: `the engine failed: ${words(error)}` };
}

async function load(message: ToWorker & { type: 'load' }, signal: AbortSignal): Promise<void> {
  const url = message.wasmUrl ?? new URL('./engine.wasm', import.meta.url);
  await init({ module_or_path: url }).catch((error: unknown) => {
    throw { code: 'worker', message: `the engine's wasm cannot be loaded (wasmUrl: ${url}): ${words(error)}` };
  });
  const adapter = await bestAdapter();
  const options = enableSubgroups(adapter, message.options);
  const tuning = options.tuning ?? (await recall(adapter.info, options));
  const onProgress = (progress: LoadProgress) => post({ type: 'progress', progress });
  engine = await WasmEngine.load(message.source, tuning ? { ...options, tuning } : options, onProgress, signal);
  const info = engine.info() as Omit<EngineInfo, 'heapBytes'>;
  // also what was kept: the self-test may have given up a kernel of it
  if (!options.tuning) await remember(adapter.info, options, info.device.tuning);
  post({ type: 'loaded', info: { ...info, heapBytes: heapBytes() } });
}

async function complete(message: ToWorker & { type: 'complete' }, signal: AbortSignal): Promise<void> {
  const { id, request } = message;
  if (!engine) throw { code: 'worker', message: 'no model is loaded' };
  const reply = (await engine.complete(request, (delta: Delta) => post({ type: 'delta', id, delta }), signal)) as Reply;
  post({ type: 'done', id, reply, heapBytes: heapBytes() });
}

self.addEventListener('message', (event: MessageEvent<ToWorker>) => {
  const message = event.data;
  if (message.type === 'abort') {
    running.get(message.id)?.abort();
    return;
  }
  const id = message.type === 'load' ? 0 : message.id;
  const controller = new AbortController();
  running.set(id, controller);
  queue = queue.then(async () => {
    try {
      if (controller.signal.aborted) throw { code: 'aborted', message: 'aborted' };
      await (message.type === 'load' ? load(message, controller.signal) : complete(message, controller.signal));
    } catch (error) {
      post({ type: 'error', id, error: plainError(error) });
    } finally {
      running.delete(id);
    }
  });
});
