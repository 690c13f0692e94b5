// What the tests of the app share: its pages with the fake engine, and what went wrong in them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../../scripts/setup.mjs';
import { test as base } from '../fixtures';

export { expect } from '@playwright/test';

const script = readFileSync(join(root, 'tests/browser/page/fake-engine.js'), 'utf8');

/** What the fake engine lets tests change: see fake-engine.js. */
export interface Fake {
  loadStep: number;
  holdAt: number | undefined;
  step: number;
  reply: (request: { messages: { role: string; content: string }[] }) => object[];
  unfinished: { id: string; created: number; deltas: object[] }[];
  nCtx: number;
  adapter: string;
  requests: Record<string, unknown>[];
  failure: { code: string; message: string; of?: string } | undefined;
  plan: object;
  says: object;
  loads: unknown[];
  downloads: { source: unknown; options: Record<string, unknown> }[];
  kept: object[];
  model(url?: string, bytes?: number): object;
}

declare global {
  // in pages with the fake engine
  var fake: Fake;
}

/**
 * `fakePage` has the fake engine, with the 1.5B model kept; `page` is a real one. Without a service worker, which would load the
 * page a second time, and is tested in privacy.spec.ts.
 */
export const test = base.extend<{ fakePage: Page }>({
  serviceWorkers: 'block',
  fakePage: async ({ page, site, log }, use) => {
    await page.addInitScript({ content: script });
    await page.addInitScript(() => {
      if (localStorage.getItem('fake-kept') === null) fake.kept = [fake.model()];
    });
    await page.goto(site);
    await use(page);
    base.expect(log.problems).toEqual([]);
  },
});

/** Opens a part of the app, such as `#/settings` or `models/`. */
export const open = (page: Page, site: string, path = ''): Promise<unknown> => page.goto(site + path);

/** The app's texts in a language. */
export function textsIn(language: string): Record<string, string | Record<string, string>> {
  const folder = join(root, 'web/app/src/text', language);
  const files = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as object);
  return Object.assign({}, ...files) as Record<string, string | Record<string, string>>;
}
