// What the tests of the service worker share: visits that end in its hands, holes made on purpose, and chats.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test as base, expect, type Page } from '@playwright/test';
import { root } from '../../../scripts/setup.mjs';
import { PlainServer } from './plain-server';

export { expect } from '@playwright/test';

/** `server` has the app, without any header. */
export const test = base.extend<{ server: PlainServer }>({
  server: async ({}, use) => {
    const server = await new PlainServer().open();
    await use(server);
    await server.close();
  },
});

export const badge = (page: Page) => page.locator('.privacy-badge');

/** A first visit: the page loads itself again, and then comes from the service worker. */
export async function visit(page: Page, url: string): Promise<void> {
  await page.goto(url);
  // a controller is not enough: the service worker takes over the first page too, a moment before that loads itself again
  await page.waitForFunction(() => {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    return navigation !== undefined && navigation.workerStart > 0;
  });
  await page.waitForFunction(() => document.querySelector('#app')?.childElementCount);
}

/** Every way out with what the self-test found, as the privacy screen shows it. */
export async function leakTable(page: Page): Promise<Record<string, string>> {
  await expect(page.locator('tr[data-channel]')).not.toHaveCount(0); // the screen is loaded on demand
  await expect(page.locator('tr[data-channel]:not([data-outcome])')).toHaveCount(0);
  const rows = await page.locator('tr[data-channel]').all();
  const cells = rows.map(async (row) => [
    await row.getAttribute('data-channel'),
    await row.getAttribute('data-outcome'),
  ]);
  return Object.fromEntries(await Promise.all(cells)) as Record<string, string>;
}

const integrity = (bytes: Buffer) => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;

/** Serves files that were changed, as another build would: with their hashes in the service worker. */
export function changeFiles(server: PlainServer, changes: Record<string, (text: string) => string>): void {
  const changed = (path: string, bytes: Buffer) => {
    const text = bytes.toString();
    const next = changes[path]?.(text) ?? text;
    return next === text ? bytes : Buffer.from(next);
  };
  const files = Object.keys(changes).filter((path) => path !== 'sw.js');
  server.change = (path, bytes) => {
    const named = path === '' || path.endsWith('/') ? `${path}index.html` : path;
    if (named !== 'sw.js') return changed(named, bytes);
    let worker = changed('sw.js', bytes).toString();
    for (const file of files) {
      const original = readFileSync(join(root, 'site', file));
      worker = worker.replace(integrity(original), integrity(changed(file, original)));
    }
    return Buffer.from(worker);
  };
}

/** Another server, which everybody may ask, and what it was asked. */
export async function catcher(): Promise<{ url: string; caught: string[]; close(): void }> {
  const caught: string[] = [];
  const server = createServer((request, response) => {
    if (request.url !== '/favicon.ico') caught.push(request.url ?? '');
    response.writeHead(200, { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'text/html' }).end('caught');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, caught, close };
}

/** An init script that puts the fake engine in place of the package's worker, but leaves the self-test its own workers. */
const FAKE = `(() => {
  if (self.origin === 'null') return; // an error page
  const { Worker: Real } = window;
  ${readFileSync(join(root, 'tests/browser/page/fake-engine.js'), 'utf8')}
  const { Worker: Fake } = window;
  window.Worker = function (address, options) {
    return new (/probe-worker|^blob:/.test(String(address)) ? Real : Fake)(address, options);
  };
  if (localStorage.getItem('fake-kept') === null) fake.kept = [fake.model()];
})();`;

export const withFakeEngine = (page: Page) => page.addInitScript({ content: FAKE });

/** Asks, and waits for the fake engine's answer. */
export async function chat(page: Page, text: string): Promise<void> {
  const box = page.getByRole('textbox', { name: 'Write a message' });
  await box.fill(text);
  await box.press('Enter');
  await expect(page.locator('article').last()).toContainText(`You said: ${text}`);
  await expect(page.locator('article [aria-busy=true]')).toHaveCount(0);
}
