// What the browser tests share: servers for the page, the package and the models, and what each page did.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Page, test as base } from '@playwright/test';
import type { DeviceOptions, KvType, KvTypes } from '../../web/src/protocol';
import { golden } from '../../scripts/build.mjs';
import { serve } from '../../scripts/serve.mjs';
import { modelsFolder, root } from '../../scripts/setup.mjs';
import { mounts } from '../../scripts/start.mjs';
import { installedApp, viteBuild } from './app/install';
import { Hostile } from './hostile';

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

/** What lets pages of any origin load a file, with `Cross-Origin-Embedder-Policy` too. */
export const OPEN = { 'Access-Control-Allow-Origin': '*', 'Cross-Origin-Resource-Policy': 'cross-origin' };

interface Log {
  /** Console messages of level error or warning, and uncaught errors. */
  problems: string[];
  requests: string[];
}

interface Fixtures {
  log: Log;
  /** Makes an app with packages of the registry, for the time of a test; its folder. */
  install: (packages: string[]) => string;
}

interface WorkerFixtures {
  /** Address of the page as `npm start` serves it; `static/` below it is the page as any web server delivers it. */
  site: string;
  /** Address of a page with the bindings of golden/ in /wasm/. */
  golden: string;
  /** Folder of an app that installed the package from its tarball. */
  installed: string;
  /** Address of it as Vite bundles it; `window.minke` is the package. The folder is at `plain/` below it. */
  app: string;
  /** Another origin with the same folder, open to all pages. */
  cdn: string;
  /** A server of another origin that answers badly or oddly. */
  server: Hostile;
  /** Its address: /html, /cut, /short, /waits, /slow, /gzip, /missing. */
  hostile: string;
}

/** Makes the store's folder: without it the package starts no worker to find that nothing is kept. */
export const makeStore = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    await (await navigator.storage.getDirectory()).getDirectoryHandle('minke', { create: true });
  });

/** `headers` are those of every answer. */
export async function listening(
  mounts: [string, string][],
  headers: Record<string, string> = {},
): Promise<{ url: string; close(): void }> {
  const shared: [string, string][] = [
    ['/models/', modelsFolder],
    ['/golden/', vectors],
    ['/dist/', join(root, 'dist')],
  ];
  const server = await serve([...shared, ...mounts], 0);
  server.prependListener('request', (_: IncomingMessage, response: ServerResponse) =>
    response.setHeaders(new Map(Object.entries(headers))),
  );
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}/`, close: () => server.close() };
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
        ['/', join(root, 'tests/browser/golden')],
      ]);
      await use(url);
      close();
    },
    { scope: 'worker' },
  ],
  installed: [
    async ({}, use) => {
      const folder = installedApp();
      await use(folder);
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  app: [
    async ({ installed }, use) => {
      viteBuild(installed, 'dist');
      const { url, close } = await listening([
        ['/plain/', installed],
        ['/', join(installed, 'dist')],
      ]);
      await use(url);
      close();
    },
    { scope: 'worker' },
  ],
  cdn: [
    async ({ installed }, use) => {
      const { url, close } = await listening([['/', installed]], OPEN);
      await use(url);
      close();
    },
    { scope: 'worker' },
  ],
  server: [
    async ({}, use) => {
      const server = new Hostile();
      await server.open();
      await use(server);
      server.close();
    },
    { scope: 'worker' },
  ],
  hostile: [({ server }, use) => use(server.url), { scope: 'worker' }],
  install: async ({}, use) => {
    const folders: string[] = [];
    await use((packages) => {
      const folder = installedApp(packages);
      folders.push(folder);
      return folder;
    });
    folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
  },
  log: async ({ page }, use) => {
    const log: Log = { problems: [], requests: [] };
    page.on('console', (message) => {
      if (message.text().startsWith('Service Worker registration blocked')) return; // so says Playwright, who does it
      if (['error', 'warning'].includes(message.type())) log.problems.push(message.text());
    });
    page.on('pageerror', (error) => log.problems.push(String(error)));
    page.on('request', (request) => log.requests.push(request.url()));
    await use(log);
  },
});
