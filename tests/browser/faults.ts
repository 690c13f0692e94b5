// What a server may do wrong, what must come of it, and the tables of that.

import { gzipSync } from 'node:zlib';
import * as hostile from './hostile';
import {
  AT_MOST,
  type Fault,
  type Hostile,
  madeUp,
  model,
  piecesOf,
  pointer,
  right,
  type Session,
  sha256,
  some,
} from './hostile';

/** An outcome's code, and what its message must say. */
type Ends = [code: string, words: RegExp];

/** A fault, and what must come of it. */
export interface Case {
  name: string;
  session: Session;
  /** What is known of the file beforehand. */
  known?: { bytes?: number; sha256?: string; pieces?: string[] } | undefined;
  expected: { browser: Ends; native: Ends };
  /** Whether it takes most of a minute, where the clock is the real one. */
  slow: boolean;
  /** Bytes that may be sent again. */
  most: number;
  /** Hash of the file that is on the server at the end. */
  hash(): string;
}

const VERIFIED: Ends = ['verified', /^$/];
const refused = (status: number): Ends => ['http', new RegExp(`HTTP status ${status}`)];
const wrongly = (words: string): Ends => ['bad_server', new RegExp(`answers wrongly: .*${words}`)];
const corrupt: Ends = ['corrupt', /damaged|hash|SHA-256/];

/** One of each, for one page or one folder: each has an address of its own. */
export function cases(server: Hostile): Case[] {
  const all: Case[] = [];
  const file = model();
  const hash = sha256(file);
  const middle = 6_000_000;
  const add = (
    name: string,
    fault: Fault,
    ends: Ends = VERIFIED,
    given: Partial<Pick<Case, 'known' | 'slow' | 'most'>> & { native?: Ends; path?: string; pointer?: string } = {},
  ) => {
    const { known, slow = false, most = AT_MOST, native = ends, ...served } = given;
    const session = server.serve(fault, { file, ...served });
    const hash = () => sha256(session.file);
    all.push({ name, session, known, expected: { browser: ends, native }, slow, most, hash });
  };
  const always = Infinity;
  const octets = { 'Content-Type': 'application/octet-stream' };
  const other = madeUp(8_800_000, 4);

  // first what takes longest, as they are done side by side
  add('500', hostile.status(500), refused(500), { slow: true });
  add('stalls once', some(1, hostile.stall, 1), VERIFIED, { slow: true });
  add('no CORS headers', hostile.noCors, ['network', /failed/], { native: VERIFIED });
  add('wrong Content-Range', hostile.wrongRange, wrongly('it was asked for bytes'));
  add('long body', hostile.long, wrongly('more than'));
  add('web page', (x) => x.page(), wrongly('a web page'));
  add(
    'web page from the middle on',
    some(always, (x) => x.page(), 1),
    wrongly('a web page'),
  );
  add('416 from the middle on', some(always, hostile.status(416), 1), wrongly('no byte'));
  const compressed = gzipSync(file, { level: 1 });
  add('gzip', hostile.gzip(compressed, true));
  add('gzip, and does not say so', hostile.gzip(compressed, false));

  add('none', right);
  add('shows no headers', hostile.silent);
  add('wrong Content-Range once', some(1, hostile.wrongRange, 1));
  add('200 for 206', (x) => x.whole());
  add(
    '200 for 206 once',
    some(1, (x) => x.whole(), 1),
  );
  // what came before is sent again with each answer: there is no other way
  add(
    '200 for 206 from the second request on',
    some(always, (x) => x.whole(), 1),
    VERIFIED,
    { most: 3 * file.length },
  );
  add('short body', hostile.short);
  add('a little of what is wanted', hostile.little);
  add('long body once', some(1, hostile.long, 1));
  add('web page that says it is a file', (x) => x.page(octets), ['not_gguf', /HTML/]);
  add(
    'web page twice',
    some(2, (x) => x.page(), 1),
  );
  // what came of the first file is of no use any more
  const anew = { most: AT_MOST + file.length };
  add('changes, as its ETag says', hostile.changes(2, other, '"second"'), VERIFIED, anew);
  add('changes, as its length says', hostile.changes(2, madeUp(8_500_000, 5)), VERIFIED, anew);
  add('changes unnoticed, hash known', hostile.changes(2, other), corrupt, { known: { sha256: hash } });
  for (const status of [401, 403, 404, 416]) add(`${status}`, hostile.status(status), refused(status));
  add('416 once', some(1, hostile.status(416), 1));
  add('429 twice, Retry-After: 1', some(2, hostile.status(429, { 'Retry-After': 1 }), 1));
  add('503 twice', some(2, hostile.status(503), 1));
  add('redirect that expires', hostile.redirects(server.other, 2));
  add('redirect that is never good', hostile.redirects(server.other, 0), refused(403));
  add('flipped bit once, hashes of pieces known', hostile.flipped(middle, 1), VERIFIED, {
    known: { bytes: file.length, sha256: hash, pieces: piecesOf(file) },
  });
  add('flipped bit, hashes of pieces known', hostile.flipped(middle, always), ['corrupt', /piece 1 /], {
    known: { bytes: file.length, pieces: piecesOf(file) },
  });
  add('flipped bit, hash known', hostile.flipped(middle, 1), corrupt, { known: { sha256: hash } });
  const hub = { path: 'repo/resolve/main/model.gguf' };
  add('hub', right, VERIFIED, { ...hub, pointer: pointer(hash, file.length) });
  add('hub without a pointer', right, VERIFIED, hub);
  add('flipped bit, hash on the hub', hostile.flipped(middle, 1), corrupt, {
    ...hub,
    pointer: pointer(hash, file.length),
  });
  add('other hash on the hub', right, corrupt, { ...hub, pointer: pointer(sha256(other), file.length) });
  return all;
}

/** Does `work` for each item, so many at once; in their order. */
export async function pooled<T, R>(width: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [i, item] of left) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** What happened, and what came of it. */
export interface Row {
  row: string[];
  session?: Session;
  /** Bytes that were sent more than once, where that is not for the session to say. */
  again?: number;
}

export function printTable(rows: Row[]): void {
  const lines = rows.map(({ row, session, again }) => [
    ...row,
    String(session?.requests.length ?? ''),
    String(again ?? session?.again),
  ]);
  const all = [['fault', 'outcome', 'requests', 'bytes sent again'], ...lines];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...all.map((line) => line[i]?.length ?? 0)));
  const text = all.map((line) => `| ${line.map((word, i) => word.padEnd(widths[i] ?? 0)).join(' | ')} |`);
  text.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  console.log(text.join('\n'));
}
