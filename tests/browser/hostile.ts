// A server of another origin that answers badly or oddly, and counts what it serves.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { F32, string, write } from '../../scripts/gguf.mjs';
import { root } from '../../scripts/setup.mjs';

/** Bytes that the engine asks for, verifies and keeps together. */
export const PIECE = 4 << 20;
/** Most bytes that may be fetched again after whatever happens: four pieces on their way. */
export const AT_MOST = 4 * PIECE;

const CHUNK = 64 << 10;

const CORS = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
/** What a page of another origin may read of an answer besides its length and type. */
const EXPOSE = { 'Access-Control-Expose-Headers': 'Content-Range, Content-Encoding, ETag, Last-Modified, Retry-After' };
const PAGE = '<!doctype html><title>Log in</title>'.padEnd(2000, '<p>Welcome to the hotel');

/** Numbers below 2^32 that are the same each time. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of each piece. */
export const piecesOf = (bytes: Uint8Array): string[] =>
  Array.from({ length: Math.ceil(bytes.length / PIECE) }, (_, i) => sha256(bytes.subarray(i * PIECE, (i + 1) * PIECE)));

/** An entry of a GGUF file's metadata. */
export interface Entry {
  key: string;
  type: number;
  value: Buffer;
}

/** A file that begins as a GGUF file and goes on with about so many arbitrary bytes: it can be kept, but not run. */
export function madeUp(bytes: number, seed = 1, entries: Entry[] = [], tensor = 'data'): Buffer {
  const rows = Math.round(bytes / 4096);
  const data = new Uint32Array(rows * 1024);
  const next = numbers(seed);
  for (let i = 0; i < data.length; i++) data[i] = next();
  const architecture = { key: 'general.architecture', type: 8, value: string('llama') };
  const tensors = [{ name: tensor, shape: [1024, rows], type: F32, data: Buffer.from(data.buffer) }];
  return write({ entries: [architecture, ...entries], tensors });
}

/** Made when it is first asked for. */
function once(make: () => Buffer): () => Buffer {
  let made: Buffer | undefined;
  return () => (made ??= make());
}

/** One piece and a bit. */
export const smallModel = once(() => madeUp(5_000_000, 3));
/** Two pieces and a bit. */
export const model = once(() => madeUp(8_800_000));
/** Five pieces and a bit. */
export const largeModel = once(() => madeUp(22_000_000, 2));

/** Resolves when an answer takes more bytes, or is over. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

const closed = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => response.once('close', () => resolve()));

/** A request, and what may be answered to it. */
export class Exchange {
  constructor(
    readonly session: Session,
    /** Which of the session's requests for the file this is, from 1. */
    readonly n: number,
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    /** The bytes that are asked for: all where that is not said. */
    readonly start: number,
    readonly end: number,
  ) {}

  /** Begins an answer. */
  head(status: number, headers: Record<string, string | number> = {}): void {
    this.response.writeHead(status, { ...CORS, ...EXPOSE, 'Content-Type': 'application/octet-stream', ...headers });
  }

  /** Begins the answer that is right. */
  rightHead(headers: Record<string, string | number> = {}): void {
    const { start, end } = this;
    const { file, etag } = this.session;
    const told = { ETag: etag, 'Content-Length': end - start, ...headers };
    if (this.request.headers.range === undefined) this.head(200, told);
    else this.head(206, { 'Content-Range': `bytes ${start}-${end - 1}/${file.length}`, ...told });
  }

  /** Sends bytes of the file, or of another in its place, and waits until they are gone. */
  async send(start: number, end: number, file = this.session.file): Promise<void> {
    const { response, session } = this;
    for (let at = start, stop; at < end && !response.destroyed; at = stop) {
      while (at >= session.stop && !response.destroyed) await session.moved();
      stop = Math.min(at + CHUNK, end, session.stop);
      if (session.rate) await new Promise((resolve) => setTimeout(resolve, (1000 * (stop - at)) / session.rate));
      if (response.destroyed) return;
      session.count(at, stop);
      if (!response.write(file.subarray(at, stop))) await drained(response);
    }
  }

  /** Sends the head, and waits until it may have been refused: here the whole body would be on its way at once. */
  async judged(): Promise<void> {
    this.response.flushHeaders();
    await Promise.race([closed(this.response), new Promise((resolve) => setTimeout(resolve, 300))]);
  }

  /** Answers as a good server does. */
  async right(headers: Record<string, string | number> = {}): Promise<void> {
    this.rightHead(headers);
    await this.send(this.start, this.end);
    this.response.end();
  }

  /** Answers with the whole file, whatever was asked for. */
  async whole(): Promise<void> {
    const { file, etag } = this.session;
    this.head(200, { ETag: etag, 'Content-Length': file.length });
    await this.send(0, file.length);
    this.response.end();
  }

  fail(status: number, headers: Record<string, string | number> = {}): void {
    this.head(status, headers);
    this.response.end(`status ${status}`);
  }

  /** The page that a hotel's network answers with until someone logs in. */
  page(headers: Record<string, string | number> = { 'Content-Type': 'text/html; charset=utf-8' }): void {
    this.head(200, { 'Content-Length': PAGE.length, ...headers });
    this.response.end(PAGE);
  }
}

/** How requests for a file are answered. */
export type Fault = (exchange: Exchange) => void | Promise<void>;

/** A file on the server under an address of its own, and what was asked of it. */
export class Session {
  /** Headers of the requests for the file, and to which of the two hosts they came. */
  readonly requests: { host: string; headers: IncomingMessage['headers'] }[] = [];
  /** Bytes of the file that were sent. */
  served = 0;
  etag = '"first"';
  /** Bytes a second of each connection; 0: as many as it takes. */
  rate = 0;
  /** Connections that are open. */
  readonly #open = new Set<ServerResponse>();
  #away = false;
  /** No byte beyond this one is sent, until that is changed. */
  #stop = Infinity;
  #waiting: (() => void)[] = [];
  /** What was sent. */
  #ranges: [number, number][] = [];

  constructor(
    readonly url: string,
    public file: Buffer,
    public fault: Fault,
    /** What its hub says of it. */
    readonly pointer?: string,
  ) {}

  get stop(): number {
    return this.#stop;
  }

  set stop(at: number) {
    this.#stop = at;
    this.#wake();
  }

  /** Whether there is no network: connections are cut, and no new one is answered. */
  set away(away: boolean) {
    this.#away = away;
    if (away) for (const response of this.#open) response.destroy();
  }

  /** Notes an answer; false where there is none, for the network is away. */
  begin(response: ServerResponse): boolean {
    if (this.#away) response.destroy();
    else this.#open.add(response.once('close', () => this.#open.delete(response)));
    return !this.#away;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when more was sent, or may be. */
  moved(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      setTimeout(resolve, 100);
    });
  }

  count(start: number, end: number): void {
    this.served += end - start;
    const before = this.#ranges.findLast(([, last]) => last === start);
    if (before) before[1] = end;
    else this.#ranges.push([start, end]);
    this.#wake();
  }

  /** Bytes of the file that were sent at least once. */
  get distinct(): number {
    let [sum, at] = [0, 0];
    for (const [start, end] of [...this.#ranges].sort(([a], [b]) => a - b)) {
      sum += Math.max(0, end - Math.max(start, at));
      at = Math.max(at, end);
    }
    return sum;
  }

  /** Bytes that were sent more than once. */
  get again(): number {
    return this.served - this.distinct;
  }

  /** Resolves when so many bytes of the file were sent. */
  async reaches(bytes: number): Promise<void> {
    while (this.served < bytes || this.distinct < bytes) await this.moved();
  }
}

/** The server: two hosts, so that one may redirect to the other. */
export class Hostile {
  readonly #sessions = new Map<string, Session>();
  readonly #servers: Server[] = [];
  url = '';
  other = '';

  async open(): Promise<void> {
    const listen = async () => {
      const server = createServer((request, response) => void this.#answer(request, response));
      this.#servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://localhost:${(server.address() as AddressInfo).port}`;
    };
    [this.url, this.other] = [await listen(), await listen()];
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }

  /** Serves a file under an address of its own; `path` begins behind what makes it its own, unless it is absolute. */
  serve(fault: Fault, { file = model(), path = 'model.gguf', pointer }: Partial<Served> = {}): Session {
    const url = new URL(path, `${this.url}/${this.#sessions.size}/`);
    const session = new Session(url.href, file, fault, pointer);
    this.#sessions.set(url.pathname, session);
    return session;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    const { pathname } = new URL(request.url ?? '', this.url);
    const session = this.#sessions.get(pathname.replace('/raw/', '/resolve/'));
    if (!session) return old(request, response);
    if (!session.begin(response)) return;
    if (request.method === 'OPTIONS') {
      const allow = { 'Access-Control-Allow-Headers': 'Authorization, Range', 'Access-Control-Max-Age': '600' };
      response.writeHead(204, { ...CORS, ...allow }).end();
      return;
    }
    if (pathname.includes('/raw/')) {
      response.writeHead(session.pointer ? 200 : 404, { ...CORS, 'Content-Type': 'text/plain' }).end(session.pointer);
      return;
    }
    session.requests.push({ host: `http://${headers.host}`, headers });
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    const { length } = session.file;
    const end = last === '' ? length : Math.min(Number(last) + 1, length);
    const exchange = new Exchange(session, session.requests.length, request, response, Number(first), end);
    if (exchange.start >= length) exchange.fail(416, { 'Content-Range': `bytes */${length}` });
    else await session.fault(exchange);
  }
}

interface Served {
  file: Buffer;
  path: string;
  pointer: string;
}

/** What Git LFS keeps in a repository in place of a file. */
export const pointer = (hash: string, bytes: number): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${hash}\nsize ${bytes}\n`;

/** As a good server. */
export const right: Fault = (x) => x.right();

/** So often another answer, then the right ones; the first `after` are right too. */
export const some =
  (times: number, fault: Fault, after = 0): Fault =>
  (x) =>
    x.n > after && x.n <= after + times ? fault(x) : x.right();

export const status =
  (code: number, headers?: Record<string, string | number>): Fault =>
  (x) =>
    x.fail(code, headers);

/** The connection is cut before byte `at` of the file is sent for the first time. */
export function cut(at: number): Fault {
  let done = false;
  return async (x) => {
    if (done || at < x.start || at >= x.end) return x.right();
    done = true;
    x.rightHead();
    await x.send(x.start, at);
    x.response.destroy();
  };
}

/** A part that is not the one that was asked for. */
export const wrongRange: Fault = async (x) => {
  const { start, end, session } = x;
  x.rightHead({ 'Content-Range': `bytes ${start + 1}-${end}/${session.file.length}` });
  await x.judged();
  await x.send(start, end);
  x.response.end();
};

/** At most 3 MB of a body that should have more, with an orderly end. */
export const short: Fault = async (x) => {
  const { start, end, session } = x;
  x.head(206, { 'Content-Range': `bytes ${start}-${end - 1}/${session.file.length}` });
  await x.send(start, Math.min(end, start + 3_000_000));
  x.response.end();
};

/** Never more than 1 MB of what was asked for, and it says so. */
export const little: Fault = async (x) => {
  const end = Math.min(x.end, x.start + 1_000_000);
  x.head(206, {
    'Content-Range': `bytes ${x.start}-${end - 1}/${x.session.file.length}`,
    'Content-Length': end - x.start,
  });
  await x.send(x.start, end);
  x.response.end();
};

/** More bytes than the answer's head says. */
export const long: Fault = async (x) => {
  const { start, end, session } = x;
  x.head(206, { 'Content-Range': `bytes ${start}-${end - 1}/${session.file.length}` });
  await x.send(start, end);
  x.response.end(Buffer.alloc(1000));
};

/** Another file from its `n`th request on. */
export const changes =
  (n: number, file: Buffer, etag?: string): Fault =>
  async (x) => {
    if (x.n < n) return x.right();
    if (x.n === n) {
      x.session.file = file;
      x.session.etag = etag ?? x.session.etag;
    }
    const end = Math.min(x.end, file.length);
    const now = new Exchange(x.session, x.n, x.request, x.response, x.start, end);
    now.rightHead();
    await now.judged();
    await now.send(x.start, end);
    now.response.end();
  };

/** A redirect to an address on the other host that serves `valid` requests and is refused then. */
export function redirects(other: string, valid: number): Fault {
  const used = new Map<string, number>();
  let signed = 0;
  return (x) => {
    const { pathname, searchParams } = new URL(x.request.url ?? '', other);
    const signature = searchParams.get('signature');
    if (signature === null) {
      x.head(302, { Location: `${other}${pathname}?signature=${++signed}` });
      x.response.end();
      return;
    }
    const uses = (used.get(signature) ?? 0) + 1;
    used.set(signature, uses);
    return uses > valid ? x.fail(403) : x.right();
  };
}

/** An answer that another origin's page may not read. */
export const noCors: Fault = async (x) => {
  x.response.writeHead(206, {
    'Content-Range': `bytes ${x.start}-${x.end - 1}/${x.session.file.length}`,
    'Content-Length': x.end - x.start,
  });
  await x.judged();
  await x.send(x.start, x.end);
  x.response.end();
};

/** A good server that lets another origin's page read none of its headers but the length. */
export const silent: Fault = (x) => x.right({ 'Access-Control-Expose-Headers': '' });

/** The whole file, compressed on its way to `body`, which another origin's page may not be told. */
export const gzip =
  (body: Buffer, told: boolean): Fault =>
  async (x) => {
    const headers = { 'Content-Encoding': 'gzip', 'Content-Length': body.length };
    x.head(200, told ? headers : { ...headers, 'Access-Control-Expose-Headers': '' });
    await x.send(0, body.length, body);
    x.response.end();
  };

/** Half of what was asked for, and then nothing for ever. */
export const stall: Fault = async (x) => {
  x.rightHead();
  await x.send(x.start, Math.ceil((x.start + x.end) / 2));
};

/** One bit of byte `at` is another, the first `times` it is asked for. */
export function flipped(at: number, times: number): Fault {
  let left = times;
  return async (x) => {
    if (left === 0 || at < x.start || at >= x.end) return x.right();
    left--;
    const file = Buffer.from(x.session.file);
    file[at] = (file[at] ?? 0) ^ 4;
    x.rightHead();
    await x.send(x.start, x.end, file);
    x.response.end();
  };
}

/** Answers of single addresses: /html, /cut, /short, /waits, /slow, /gzip, /missing. */
function old(request: IncomingMessage, response: ServerResponse): void {
  const vectors = (name: string) => readFileSync(join(root, 'tests/vectors/refuse', name));
  const small = () => vectors('control-qwen3.gguf');
  const smollm2 = () => readFileSync(join(root, '.cache/models/smollm2-135m-instruct-q4_1.gguf'));
  if (request.url === '/html') {
    response.writeHead(200, { ...CORS, 'Content-Type': 'text/html' }).end('<!doctype html><title>Log in</title>');
  } else if (request.url === '/cut') {
    response.writeHead(200, { ...CORS, 'Content-Length': 98_362_432 });
    response.write(smollm2().subarray(0, 5_000_000));
    setTimeout(() => response.destroy(), 500);
  } else if (request.url === '/short') {
    response.writeHead(200, CORS).end(small().subarray(0, 20_000));
  } else if (request.url === '/waits') {
    // a tokenizer that is refused; behind the first piece nothing comes
    response.writeHead(200, { ...CORS, 'Content-Length': 98_362_432 });
    response.write(Buffer.concat([vectors('tokenizer-t5.gguf'), Buffer.alloc(PIECE)]).subarray(0, PIECE));
  } else if (request.url === '/slow') {
    // 8 MB a second
    const file = smollm2();
    response.writeHead(200, { ...CORS, 'Content-Length': file.length });
    let sent = 0;
    const timer = setInterval(() => {
      if (sent < file.length) response.write(file.subarray(sent, (sent += 1_000_000)));
      else response.end();
    }, 125);
    response.on('close', () => clearInterval(timer));
  } else if (request.url === '/gzip') {
    const body = gzipSync(small());
    response.writeHead(200, { ...CORS, 'Content-Encoding': 'gzip', 'Content-Length': body.length }).end(body);
  } else {
    response.writeHead(404, CORS).end();
  }
}
