// SHA-256 beside the engine's worker, which fetches, writes and uploads meanwhile: browsers compute it on the thread that asks.
// It is another worker of the same script, told by its name.

import { FileHash, initSync } from './generated/minke.js';
import { trusted } from './trusted.js';

/** The name of the worker that hashes. */
export const HASHES = 'minke-hashes';

/** Most bytes at once: a piece of a download. */
const ROOM = 4 << 20;

/** Milliseconds that it has to start, as a load waits for that. */
const START_MS = 3000;

/** To the worker that hashes. Each but the first has one answer, in order. */
type Task =
  | { type: 'start'; module: WebAssembly.Module }
  | { type: 'digest' | 'update'; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'file' }
  | { type: 'begin' };

/** From it; the first one says that it listens. */
interface Answer {
  /** SHA-256, of what was asked for. */
  hash?: Uint8Array | undefined;
  /** The bytes' memory, to be used again. */
  room?: ArrayBuffer | undefined;
}

/** A worker that hashes, for one download at a time. */
export class Hashes {
  readonly #worker: Worker;
  /** Who waits for answers, in order. */
  readonly #waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  readonly #rooms: ArrayBuffer[] = [];
  #updated: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;

  private constructor(type: WorkerType, module: WebAssembly.Module) {
    this.#worker = new Worker(trusted(self.location.href) as string, { type, name: HASHES });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.room) this.#rooms.push(data.room);
      this.#waiting.shift()?.resolve(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault(); // the page need not hear of it
      this.#fail(event.message || 'it cannot be started');
    };
    this.#worker.postMessage({ type: 'start', module } satisfies Task);
  }

  /** Starts one with the engine's wasm, as a script of such a type; undefined where the browser does not let us. */
  static async start(type: WorkerType, module: WebAssembly.Module): Promise<Hashes | undefined> {
    let late;
    try {
      const hashes = new Hashes(type, module);
      late = setTimeout(() => hashes.end(), START_MS);
      await hashes.#answer();
      return hashes;
    } catch {
      return undefined;
    } finally {
      clearTimeout(late);
    }
  }

  /** Memory for so many bytes, for {@link digest} or {@link update}, which take it. */
  room(bytes: number): Uint8Array {
    const room = bytes <= ROOM ? (this.#rooms.pop() ?? new ArrayBuffer(ROOM)) : new ArrayBuffer(bytes);
    return new Uint8Array(room, 0, bytes);
  }

  async digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
    return (await this.#ask({ type: 'digest', bytes }, [bytes.buffer])).hash;
  }

  /** Another file begins. */
  begin(): void {
    this.#ask({ type: 'begin' }).catch(() => {}); // that shows in the end
  }

  /** Hashes more of the file; resolves when those before are done with, so that no more than two are on their way. */
  async update(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const before = this.#updated;
    this.#updated = this.#ask({ type: 'update', bytes }, [bytes.buffer]);
    this.#updated.catch(() => {}); // that shows in the end
    await before;
  }

  /** Of the file so far. */
  async file(): Promise<Uint8Array | undefined> {
    return (await this.#ask({ type: 'file' })).hash;
  }

  end(): void {
    this.#worker.terminate();
    this.#fail('it has ended');
  }

  #ask(task: Task, transfer: Transferable[] = []): Promise<Answer> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#worker.postMessage(task, transfer);
    return this.#answer();
  }

  #answer(): Promise<Answer> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #fail(problem: string): void {
    this.#failure = new Error(problem);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

/** The other side: hashes what it is told to, in order. */
export function hash(): void {
  let file: FileHash | undefined;
  let queue = Promise.resolve();

  async function answerTo(task: Task): Promise<Answer> {
    switch (task.type) {
      case 'start':
        initSync({ module: task.module });
        return {};
      case 'begin':
        file?.free();
        file = new FileHash();
        return {};
      case 'update':
        file?.update(task.bytes);
        return { room: task.bytes.buffer };
      case 'digest':
        return { hash: await digest(task.bytes), room: task.bytes.buffer };
      case 'file':
        return { hash: file?.digest() };
    }
  }

  self.addEventListener('message', ({ data }: MessageEvent<Task>) => {
    const answered = queue.then(async () => {
      const answer = await answerTo(data);
      const rooms = answer.room?.byteLength === ROOM ? [answer.room] : [];
      (self as unknown as Worker).postMessage({ ...answer, room: rooms[0] }, rooms);
    });
    queue = answered.catch((error: unknown) => {
      setTimeout(() => {
        throw error; // so that it is an error event
      });
    });
  });
}

/** By the browser's own, which is three times as fast as wasm, but missing in pages that came over http. */
async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (crypto.subtle as SubtleCrypto | undefined) return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hash = new FileHash();
  hash.update(bytes);
  const digest = hash.digest();
  hash.free();
  return digest;
}
