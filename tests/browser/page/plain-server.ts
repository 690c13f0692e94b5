// A web server as plain as they come: files of the built app below a path, and no header but the type.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { TYPES } from '../../../scripts/serve.mjs';
import { root } from '../../../scripts/setup.mjs';

/** A deep path, so that whatever is not relative to the app is missed. */
export const BELOW = '/some/where/';

export class PlainServer {
  /** The files, relative to the app, that were asked for. */
  readonly asked: string[] = [];
  /** The `Range` of each request that had one, by path. */
  readonly ranges: string[] = [];
  /** What a file is turned into. */
  change: (path: string, bytes: Buffer) => Buffer = (_, bytes) => bytes;
  /** The app's address. */
  url = '';
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://localhost:${(this.#server.address() as AddressInfo).port}${BELOW}`;
    return this;
  }

  /** From then on nothing answers at its address. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse) {
    const { pathname } = new URL(url, 'http://localhost');
    const path = pathname.slice(BELOW.length);
    this.asked.push(path);
    if (headers.range) this.ranges.push(`${path} ${headers.range}`);
    const named = join(root, 'site', path);
    const file = existsSync(named) && statSync(named).isDirectory() ? join(named, 'index.html') : named;
    if (path.endsWith('.gguf')) return void response.writeHead(206, { 'Content-Range': 'bytes 2-5/8' }).end('GGUF');
    if (!pathname.startsWith(BELOW) || !existsSync(file))
      return void response.writeHead(404).end('There is no such file.');
    const type = (TYPES as Record<string, string>)[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'Content-Type': type }).end(this.change(path, readFileSync(file)));
  }
}
