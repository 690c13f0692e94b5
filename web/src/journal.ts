// Replies that are being made, written down in the origin's private file system, so that a page that was reloaded goes on with
// them. A file each: what was asked, then lines of tokens. It is gone with the reply's end. Written only in a worker.

import { seconds } from './time.js';
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
      journal.#write({ ...rest, created: seconds() });
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

  /** The reply was cut off. */
  close(): void {
    this.#write(this.#line);
    this.file.close();
  }

  /** The reply has ended. */
  async end(): Promise<void> {
    this.file.close();
    await drop(this.id);
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

/** Deletes what is there of a reply, unless somebody writes it. */
export async function drop(id: string): Promise<void> {
  await (await folder())?.removeEntry(id).catch(() => {}); // then it is too old one day
}

/** The lines of a file, up to the first one that was cut off or spoiled: it and what follows are as if never written. */
function linesOf(text: string): unknown[] {
  const lines: unknown[] = [];
  try {
    for (const line of text.split('\n')) lines.push(JSON.parse(line));
  } catch {
    // the last one at the latest: nothing follows the last line's end
  }
  return lines;
}

/** What is there of a reply; undefined if nothing is. */
export async function recall(id: string): Promise<(Asked & { created: number }) | undefined> {
  try {
    const handle = await (await folder())?.getFileHandle(id);
    const text = (await (await handle?.getFile())?.text()) ?? '';
    const [asked, ...pieces] = linesOf(text) as [(Asked & { created: number })?, ...Line[]];
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
    if (Date.now() / 1000 - created > DAYS * 86_400) await drop(id);
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
