// A model much larger than the heap, through the real engine.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, full, test, vectors } from './fixtures';

/** Bytes of the file: many times the heap, and in a full run beyond what 32 bits count. */
const SIZE = full ? 6e9 : 4e8;
const MIB = 2 ** 20;

/** A tiny model, whose file goes on with zeros that belong to no tensor. */
function serveLarge(): ReturnType<typeof createServer> {
  const model = readFileSync(join(vectors, 'refuse/control-qwen3.gguf'));
  const zeros = Buffer.alloc(MIB);
  return createServer((request, response) => {
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const [start, end] = [Number(first), Math.min(Number(last) + 1, SIZE)];
    response.writeHead(206, {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Expose-Headers': 'Content-Range',
      'Cross-Origin-Resource-Policy': 'cross-origin',
      'Content-Length': end - start,
      'Content-Range': `bytes ${start}-${end - 1}/${SIZE}`,
    });
    let at = start;
    const send = () => {
      while (at < end) {
        const bytes = at < model.length ? model.subarray(at, end) : zeros.subarray(0, end - at);
        at += bytes.length;
        if (!response.write(bytes)) return void response.once('drain', send);
      }
      response.end();
    };
    send();
  });
}

test('a large file goes through a small heap', async ({ page, app }) => {
  const server = serveLarge();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await page.goto(app);
  const start = Date.now();
  const { info, scripts, loaded } = await page.evaluate(
    async (model) => {
      let loaded = 0;
      const onProgress = (progress: { loaded: number }) => (loaded = Math.max(loaded, progress.loaded));
      const engine = await window.minke.createEngine({ model, keep: false, onProgress });
      const memory = (performance as unknown as { memory: { usedJSHeapSize: number } }).memory;
      return { info: engine.info, scripts: memory.usedJSHeapSize, loaded };
    },
    `http://localhost:${(server.address() as AddressInfo).port}/model.gguf`,
  );
  server.close();
  const seconds = (Date.now() - start) / 1000;
  console.log(
    `${SIZE} bytes in ${seconds.toFixed(1)} s; wasm heap ${(info.heapBytes / MIB).toFixed(1)} MiB, the page's scripts ${(scripts / MIB).toFixed(1)} MiB`,
  );
  expect(loaded).toBe(SIZE);
  expect(info.model.kept).toBeNull();
  expect(info.heapBytes).toBeLessThan(64 * MIB);
  expect(scripts).toBeLessThan(64 * MIB);
});
