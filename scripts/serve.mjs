// A static file server with byte ranges: for the page, the local model, and the tests.

import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

/** The types of files, by how their names end. */
export const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
  '.gguf': 'application/octet-stream',
};

/** The file that a request names: `mounts` maps path prefixes to folders, the longest prefix first. */
function locate(mounts, url) {
  const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
  for (const [prefix, folder] of mounts) {
    if (!path.startsWith(prefix)) continue;
    const file = join(folder, path.slice(prefix.length));
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile()) return { file, size: found.size };
    const index = join(file, 'index.html');
    const page = statSync(index, { throwIfNoEntry: false });
    if (page?.isFile()) return { file: index, size: page.size };
  }
  return undefined;
}

/** First and last byte of a `Range` header, or undefined where there is none we understand. */
function parseRange(header, size) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (!match) return undefined;
  const last = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return { first: Number(match[1]), last };
}

function answer(mounts, request, response) {
  const found = locate(mounts, request.url);
  if (!found || !['GET', 'HEAD'].includes(request.method)) {
    response.writeHead(found ? 405 : 404, { 'Content-Type': 'text/plain' }).end(found ? 'GET only\n' : 'not found\n');
    return;
  }
  const { file, size } = found;
  const range = parseRange(request.headers.range, size);
  if (range && range.first > range.last) {
    response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  const { first, last } = range ?? { first: 0, last: size - 1 };
  response.writeHead(range ? 206 : 200, {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Length': last - first + 1,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-cache',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    ...(range && { 'Content-Range': `bytes ${first}-${last}/${size}` }),
  });
  if (request.method === 'HEAD' || size === 0) response.end();
  else createReadStream(file, { start: first, end: last }).pipe(response);
}

/** Serves until closed; resolves to the server once it listens. Port 0 takes a free one. */
export function serve(mounts, port) {
  const server = createServer((request, response) => {
    try {
      answer(mounts, request, response);
    } catch {
      response.writeHead(400, { 'Content-Type': 'text/plain' }).end('bad request\n'); // an undecodable path
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
