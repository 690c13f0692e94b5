// Replies that are being made, written down in the origin's private file system, so that a page that was reloaded goes on with
// them. A file each: what was asked, then lines of tokens. It is gone with the reply's end. Only in a worker.

import type { Asked, Delta, Unfinished } from './protocol.js';
import type { ReasoningFinishReason } from './types.js';

const FOLDER = 'minke-replies';
/** Milliseconds between two lines: at most so much of a reply has to be made again. */
const EVERY_MS = 500;
/** Days after which nobody comes back for a reply. */
const DAYS = 7;

interface Line {
  tokens: number[];
  reasoning_finish_reason?: ReasoningFinishReason;
}

/** What TypeScript knows of files only in a worker's own library. */
interface SyncAccess {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  getSize(): number;
  close(): void;
}
type File = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };
type Folder = Omit<FileSystemDirectoryHandle, 'getFileHandle'> & {
  getFileHandle(name: string, options?: { create: boolean }): Promise<File>;
  keys(): AsyncIterable<string>;
};

/** Undefined in a browser that keeps nothing for the page. */
async function folder(): Promise<Folder | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return (await root.getDirectoryHandle(FOLDER, { create: true })) as unknown as Folder;
  } catch {
    return undefined;
  }
}

/** A reply's file; what cannot be written is not, and the reply goes on. */
export class Journal {
  #line: Line = { tokens: [] };
  #written = 0;

  private constructor(
    private readonly id: string,
    private readonly file: SyncAccess,
  ) {}

  static async begin(asked: Asked): Promise<Journal | undefined> {
    const { journal: id, ...rest } = asked;
    if (id === undefined) return undefined;
    try {
      const handle = await (await folder())?.getFileHandle(id, { create: true });
      const file = await handle?.createSyncAccessHandle();
      if (!file) return undefined;
      file.truncate(0);
      const journal = new Journal(id, file);
      journal.#write({ ...rest, created: Math.floor(Date.now() / 1000) });
      return journal;
    } catch {
      return undefined;
    }
  }

  note({ tokens = [], reasoning_finish_reason }: Delta): void {
    this.#line.tokens.push(...tokens);
    if (reasoning_finish_reason) this.#line.reasoning_finish_reason = reasoning_finish_reason;
    if (performance.now() - this.#written >= EVERY_MS) this.#write(this.#line);
  }

  /** The reply has ended, whichever way. */
  async end(): Promise<void> {
    this.file.close();
    await (await folder())?.removeEntry(this.id).catch(() => {}); // then it is too old one day
  }

  #write(line: object): void {
    try {
      this.file.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`), { at: this.file.getSize() });
    } catch {
      // no room: what is there is as good as it was
    }
    this.#line = { tokens: [] };
    this.#written = performance.now();
  }
}

/** What is there of a reply; undefined if nothing is. A line that was cut off is as if it had not been written. */
export async function recall(id: string): Promise<(Asked & { created: number }) | undefined> {
  try {
    const handle = await (await folder())?.getFileHandle(id);
    const text = await (await handle?.getFile())?.text();
    const lines = (text ?? '').split('\n').slice(0, -1);
    const [asked, ...pieces] = lines.map((line) => JSON.parse(line) as Asked & Line & { created: number });
    if (!asked) return undefined;
    for (const { tokens, reasoning_finish_reason } of pieces) {
      asked.tokens.push(...tokens);
      if (reasoning_finish_reason) asked.reasoning_finish_reason = reasoning_finish_reason;
    }
    return asked;
  } catch {
    return undefined;
  }
}

/** The replies that are there, newest first; those that nobody came back for are deleted. One that is being made is not told. */
export async function unfinished(): Promise<Unfinished[]> {
  const found: Unfinished[] = [];
  const place = await folder();
  if (!place) return found;
  const names: string[] = [];
  for await (const name of place.keys()) names.push(name);
  for (const id of names) {
    if (await isOpen(place, id)) continue;
    const created = (await recall(id))?.created ?? 0;
    if (Date.now() / 1000 - created > DAYS * 86_400) await place.removeEntry(id).catch(() => {});
    else found.push({ id, created });
  }
  return found.sort((a, b) => b.created - a.created);
}

/** Whether somebody writes it: no two may. */
async function isOpen(place: Folder, id: string): Promise<boolean> {
  try {
    (await (await place.getFileHandle(id)).createSyncAccessHandle()).close();
    return false;
  } catch {
    return true;
  }
}
