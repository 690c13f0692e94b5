// What the Markdown tests share: the page with the component.

import { rmSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { contentPolicy, reachOf } from '../../../../web/app/src/privacy/policy';
import { listening } from '../../fixtures';
import { test as base } from '../page';
import { builtMarkdown } from './build';

export { expect } from '../page';

interface WorkerFixtures {
  /** Address of the page, which has the policy of the chat. */
  address: string;
}

/** `texts` is the page, with nothing in it. */
export const test = base.extend<{ texts: Page }, WorkerFixtures>({
  address: [
    async ({}, use) => {
      const headers = { 'Content-Security-Policy': contentPolicy(reachOf('chat')) };
      const folder = await builtMarkdown();
      const { url, close } = await listening([['/', folder]], headers);
      await use(url);
      close();
      rmSync(folder, { recursive: true });
    },
    { scope: 'worker' },
  ],
  texts: async ({ page, address, log }, use) => {
    await page.goto(address);
    await page.waitForFunction(() => 'markdown' in globalThis);
    await use(page);
    base.expect(log.problems).toEqual([]);
  },
});
