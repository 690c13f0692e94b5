// Owns the wasm module and the GPU. One model; replies are made one after the other, questions are answered at once.

import { bestAdapter, compileAhead, destroyDevice, deviceLoss, prepareDevice } from './adapter.js';
import { COPY_HINT, words } from './errors.js';
import init, {
  deleteModel,
  downloadModel,
  exportModel,
  heapBytes,
  listModels,
  planModel,
  WasmEngine,
  compiledWasm,
} from './generated/minke.js';
import { grammar } from './grammar.js';
import { HASHES, Hashes, hash } from './hashes.js';
import { Journal, recall as recallReply, unfinished } from './journal.js';
import type { Call, Delta, EngineInfo, FromWorker, LoadProgress, Question, Reply, ToWorker } from './protocol.js';
import { without } from './options.js';
import { recall, remember } from './tuning.js';

/** What a device that is being lost may look like, a moment before the browser says so. */
const MAY_BE_LOSS = new Set(['device', 'self_test', 'out_of_memory', 'not_finite', 'no_adapter']);
const LOSS_MS = 200;

/** Why replies are aborted of which nobody is there to hear, but may come back. */
const GONE = 'gone';

let engine: WasmEngine | undefined;
let grammarUrl: string | undefined;
let queue: Promise<void> = Promise.resolve();
const running = new Map<number, AbortController>();
/** Replies whose thinking is to end, by request. */
const steering = new Map<number, { answerNow: boolean }>();

/** Whether the page has paused the download; a promise that resolves when it goes on. */
const control = {
  paused: false,
  resume: () => {},
  waiting: Promise.resolve(),
  set(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    if (paused) this.waiting = new Promise((resolve) => (this.resume = resolve));
    else this.resume();
  },
  resumed(): Promise<void> {
    return this.waiting;
  },
};

function post(message: FromWorker): void {
  (self as unknown as { postMessage(message: FromWorker): void }).postMessage(message);
}

/** What the engine throws, as it is told; undefined for anything else: a bug or a trap, which leaves the wasm unusable. */
async function told(error: unknown): Promise<{ code: string; message: string } | undefined> {
  if (typeof error !== 'object' || error === null || !('code' in error) || error instanceof DOMException)
    return undefined;
  const { code, message } = error as { code: string; message: string };
  return (MAY_BE_LOSS.has(code) ? await deviceLoss(LOSS_MS) : undefined) ?? { code, message };
}

async function postError(id: number, thrown: unknown): Promise<void> {
  const error = await told(thrown);
  post(error ? { type: 'error', id, error } : { type: 'failed', problem: String(thrown) });
}

async function start(wasmUrl: string | undefined): Promise<void> {
  const url = wasmUrl ?? new URL('./engine.wasm', import.meta.url);
  await init({ module_or_path: url }).catch((error: unknown) => {
    throw {
      code: 'worker',
      message: `the engine's wasm cannot be loaded (wasmUrl: ${url}): ${words(error)}; ${COPY_HINT}`,
    };
  });
}

/** What the engine asks of the worker while a model comes. */
interface Caller {
  onProgress(progress: LoadProgress): void;
  control: typeof control;
  signal: AbortSignal;
  hashes?: Hashes | undefined;
}

const onProgress = (progress: LoadProgress) => post({ type: 'progress', progress });

/** With a worker that hashes, which starts meanwhile, if this script may run again as `type` says. */
async function hashing<T>(
  type: WorkerType | undefined,
  work: (hashes: Promise<Hashes | undefined>) => Promise<T>,
): Promise<T> {
  const hashes = type ? Hashes.start(type, compiledWasm() as WebAssembly.Module) : Promise.resolve(undefined);
  return work(hashes).finally(async () => (await hashes)?.end());
}

async function load(message: ToWorker & { type: 'load' }, signal: AbortSignal): Promise<void> {
  await start(message.wasmUrl);
  grammarUrl = message.grammarUrl;
  await hashing(message.again, (hashes) => loadWith(message, signal, hashes));
}

async function loadWith(
  message: ToWorker & { type: 'load' },
  signal: AbortSignal,
  hashes: Promise<Hashes | undefined>,
): Promise<void> {
  const adapter = await bestAdapter();
  const options = prepareDevice(adapter, message.options);
  const tuning = options.tuning ?? (await recall(adapter.info, options));
  const told = tuning ? { ...options, tuning } : options;
  const caller: Caller = { onProgress, control, signal, hashes: await hashes };
  engine = await WasmEngine.load(message.source, told, caller, compileAhead, compile);
  const info = engine.info() as Omit<EngineInfo, 'heapBytes'>;
  const loss = await deviceLoss(0);
  if (loss) throw loss; // and what was measured is worth nothing
  // also what was kept: the self-test may have given up a kernel of it
  if (!options.tuning) await remember(adapter.info, options, info.device.tuning);
  post({ type: 'loaded', info: { ...info, heapBytes: heapBytes() } });
}

async function answer({ call, wasmUrl, again }: ToWorker & { type: 'call' }, signal: AbortSignal): Promise<void> {
  await start(wasmUrl);
  post({ type: 'result', result: await outcome(call, again, signal) });
}

async function outcome(call: Call, again: WorkerType | undefined, signal: AbortSignal): Promise<unknown> {
  switch (call.name) {
    case 'download':
      return hashing(again, async (hashes) => {
        const caller: Caller = { onProgress, control, signal, hashes: await hashes };
        return downloadModel(call.source, call.options, caller);
      });
    case 'list':
      return listModels();
    case 'delete':
      return deleteModel(call.id);
    case 'export':
      return exportModel(call.id);
    case 'plan': {
      const adapter = await bestAdapter().catch(() => undefined); // a device without WebGPU can be told so too
      const options = adapter ? prepareDevice(adapter, call.options) : call.options;
      return planModel(call.source, options, { onProgress: () => {}, control, signal } satisfies Caller);
    }
  }
}

function loaded(): WasmEngine {
  if (!engine) throw { code: 'worker', message: 'no model is loaded' };
  return engine;
}

/** Makes what an answer must be from what the engine says of it. */
const compile = (form: string) => grammar(loaded(), form, grammarUrl);

async function complete(message: ToWorker & { type: 'complete' }, signal: AbortSignal): Promise<void> {
  const { id } = message;
  const asked = without(message, 'type', 'id');
  const journal = await Journal.begin(asked);
  let known = asked.heard ? 0 : asked.tokens.length; // the engine gives them out again
  const show = ({ tokens = [], ...text }: Delta) => {
    const delta = { ...text, tokens: tokens.slice(known) };
    known = Math.max(known - tokens.length, 0);
    journal?.note(delta);
    post({ type: 'delta', id, delta });
  };
  const reply = loaded().reply(asked, show, steering.get(id), signal) as Promise<Reply>;
  const done = await reply.catch(async (error: unknown) => {
    const { code } = (await told(error)) ?? {};
    // what goes on in another worker, or when its page is there again, has not ended
    if (code === undefined || code === 'device' || signal.reason === GONE) journal?.close();
    else await journal?.end();
    throw error;
  });
  await journal?.end();
  post({ type: 'done', id, reply: done, heapBytes: heapBytes() });
}

async function ask({ id, question }: ToWorker & { type: 'ask' }, signal: AbortSignal): Promise<void> {
  post({ type: 'answer', id, value: await answerTo(question, signal) });
}

async function answerTo(question: Question, signal: AbortSignal): Promise<unknown> {
  switch (question.name) {
    case 'tokenize':
      return loaded().tokenize(question.text, question.special);
    case 'detokenize':
      return loaded().detokenize(Uint32Array.from(question.tokens));
    case 'prompt':
      return loaded().prompt(question);
    case 'embed':
      return loaded().embed(question.text, question.pooling, signal);
    case 'unfinished':
      return unfinished();
    case 'journal': {
      const asked = await recallReply(question.id);
      if (asked) return asked;
      throw { code: 'not_kept', message: `${question.id}: no reply of this id was cut off` };
    }
  }
}

/** What waits for replies that were asked for before: the GPU does one thing at a time. */
const takesTurns = (message: ToWorker) => message.type !== 'ask' || message.question.name === 'embed';

async function dispose(): Promise<void> {
  for (const controller of running.values()) controller.abort();
  destroyDevice();
  await queue;
  post({ type: 'disposed' });
}

function listen({ data: message }: MessageEvent<ToWorker>): void {
  if (message.type === 'hello') return void greet();
  if (message.type === 'dispose') return void dispose();
  if (message.type === 'abort') return running.get(message.id)?.abort(message.gone && GONE);
  if (message.type === 'answer-now') return void Object.assign(steering.get(message.id) ?? {}, { answerNow: true });
  if (message.type === 'forget') return engine?.forget();
  if (message.type === 'pause') return control.set(message.paused);
  if (message.type === 'online') return void self.dispatchEvent(new Event('online'));
  if (takesTurns(message)) queue = queue.then(begin(message));
  else void begin(message)();
}

/** Notes that there is something to do; what is returned does it. */
function begin(message: ToWorker & { type: 'load' | 'call' | 'complete' | 'ask' }): () => Promise<void> {
  const id = 'id' in message ? message.id : 0;
  const controller = new AbortController();
  running.set(id, controller);
  if (message.type === 'complete') steering.set(id, { answerNow: false });
  return async () => {
    try {
      if (controller.signal.aborted) throw { code: 'aborted', message: 'aborted' };
      if (message.type === 'load') await load(message, controller.signal);
      else if (message.type === 'call') await answer(message, controller.signal);
      else if (message.type === 'ask') await ask(message, controller.signal);
      else await complete(message, controller.signal);
    } catch (error) {
      await postError(id, error);
    } finally {
      running.delete(id);
      steering.delete(id);
    }
  };
}

/** A lock that is held until this worker is gone, however it goes, so that the page can wait for that. */
function holdLock(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const hold = (held: Lock | null) => {
      resolve(held?.name);
      return new Promise(() => {});
    };
    if (!navigator.locks) return resolve(undefined);
    navigator.locks.request(`minke-${crypto.randomUUID()}`, hold).catch(() => resolve(undefined)); // a sandboxed frame
  });
}

let lock: Promise<string | undefined>;

async function greet(): Promise<void> {
  post({ type: 'started', lock: await lock });
}

if (self.name === HASHES) {
  hash();
} else {
  lock = holdLock();
  self.addEventListener('message', listen);
  // The page hears of errors that nobody caught, a trap among them, but not of those in promises. What the browser rejects
  // comes of a lost device, of which the engine tells itself.
  self.addEventListener('unhandledrejection', ({ reason }) => {
    if (!(reason instanceof DOMException)) post({ type: 'failed', problem: String(reason) });
  });
  void greet();
}
