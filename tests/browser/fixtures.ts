// What the browser tests share: servers for the page, the package and the models, and what each page did.

import { createServer } from 'node:http';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test as base } from '@playwright/test';
import type { DeviceOptions, KvType, KvTypes } from '../../web/src/protocol';
import { golden } from '../../scripts/build.mjs';
import { serve } from '../../scripts/serve.mjs';
import { modelsFolder, root } from '../../scripts/setup.mjs';
import { mounts } from '../../scripts/start.mjs';
import { installedApp } from './app/install';

export { expect } from '@playwright/test';

const shared = join(root, '../shared/golden');
/** The whole golden set where it stands beside the checkout, else the small one. */
export const vectors = process.env['MINKE_VECTORS'] ?? (existsSync(shared) ? shared : join(root, 'tests/vectors'));

export const readVectors = <T>(name: string): T => JSON.parse(readFileSync(join(vectors, name), 'utf8')) as T;

/** `npm run test:full`: everything in every tier. */
export const full = Boolean(process.env['MINKE_TEST_FULL']);

/** A tier, and what runs in it: see tests/common/coverage.rs. */
interface Row {
  options: DeviceOptions;
  row_tiles: number[];
  kv: (KvType | KvTypes)[];
  architectures: string[];
  formats: string[];
}

/** The rows of tests/coverage.json for Chromium; in a full run those with formats have all. */
export const chromiumRows = (
  JSON.parse(readFileSync(join(root, 'tests/coverage.json'), 'utf8')) as { chromium: Row[] }
).chromium.map((row) =>
  full && row.formats.length > 0 ? { ...row, row_tiles: [0, 1, 2, 3, 4, 5, 6, 7], formats: stems('kernels') } : row,
);

/** The names of a folder's vectors. */
export function stems(folder: string): string[] {
  return readdirSync(join(vectors, folder)).map((name) => name.replace('.json', ''));
}

export const SMOLLM2 = 'models/smollm2-135m-instruct-q4_1.gguf';
export const DEEPSEEK_HEAD = 'models/deepseek-r1-distill-qwen-7b.head.gguf';

interface Log {
  /** Console messages of level error or warning, and uncaught errors. */
  problems: string[];
  requests: string[];
}

interface Fixtures {
  log: Log;
}

interface WorkerFixtures {
  /** Address of the page as `npm start` serves it; `static/` below it is the page as any web server delivers it. */
  site: string;
  /** Address of a page with the bindings of golden/ in /wasm/. */
  golden: string;
  /** Address of an app that installed the package from its tarball; `window.minke` is the package. */
  app: string;
  /** Address of a server of another origin that answers badly or oddly: /html, /cut, /short, /waits, /slow, /gzip, /missing. */
  hostile: string;
}

async function listening(mounts: [string, string][]): Promise<{ url: string; close(): void }> {
  const shared: [string, string][] = [
    ['/models/', modelsFolder],
    ['/golden/', vectors],
    ['/dist/', join(root, 'dist')],
  ];
  const server = await serve([...shared, ...mounts], 0);
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}/`, close: () => server.close() };
}

function answerBadly(): ReturnType<typeof createServer> {
  const model = () => readFileSync(join(vectors, 'refuse/control-qwen3.gguf'));
  return createServer((request, response) => {
    const cors = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };
    if (request.url === '/html') {
      response.writeHead(200, { ...cors, 'Content-Type': 'text/html' }).end('<!doctype html><title>Log in</title>');
    } else if (request.url === '/cut') {
      response.writeHead(200, { ...cors, 'Content-Length': 98_362_432 });
      response.write(readFileSync(join(root, '.cache', SMOLLM2)).subarray(0, 5_000_000));
      setTimeout(() => response.destroy(), 500);
    } else if (request.url === '/short') {
      response.writeHead(200, cors).end(model().subarray(0, 20_000));
    } else if (request.url === '/waits') {
      // a tokenizer that is refused; the file's last bytes never come
      response.writeHead(200, { ...cors, 'Content-Length': 98_362_432 });
      response.write(readFileSync(join(vectors, 'refuse/tokenizer-t5.gguf')).subarray(0, -32));
    } else if (request.url === '/slow') {
      // 8 MB a second
      const file = readFileSync(join(root, '.cache', SMOLLM2));
      response.writeHead(200, { ...cors, 'Content-Length': file.length });
      let sent = 0;
      const timer = setInterval(() => {
        if (sent < file.length) response.write(file.subarray(sent, (sent += 1_000_000)));
        else response.end();
      }, 125);
      response.on('close', () => clearInterval(timer));
    } else if (request.url === '/gzip') {
      const body = gzipSync(model());
      response.writeHead(200, { ...cors, 'Content-Encoding': 'gzip', 'Content-Length': body.length }).end(body);
    } else {
      response.writeHead(404, cors).end();
    }
  });
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  site: [
    async ({}, use) => {
      const { url, close } = await listening([['/static/', join(root, 'site')], ...mounts()]);
      await use(url);
      close();
    },
    { scope: 'worker' },
  ],
  golden: [
    async ({}, use) => {
      const { url, close } = await listening([
        ['/wasm/', golden],
        ['/', join(root, 'site')],
      ]);
      await use(url);
      close();
    },
    { scope: 'worker' },
  ],
  app: [
    async ({}, use, { parallelIndex }) => {
      const { url, close } = await listening([['/', installedApp(parallelIndex)]]);
      await use(url);
      close();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  hostile: [
    async ({}, use) => {
      const server = answerBadly();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      await use(`http://localhost:${(server.address() as AddressInfo).port}`);
      server.close();
      server.closeAllConnections();
    },
    { scope: 'worker' },
  ],
  log: async ({ page }, use) => {
    const log: Log = { problems: [], requests: [] };
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) log.problems.push(message.text());
    });
    page.on('pageerror', (error) => log.problems.push(String(error)));
    page.on('request', (request) => log.requests.push(request.url()));
    await use(log);
  },
});
