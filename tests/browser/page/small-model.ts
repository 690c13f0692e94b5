// A real model in the app, SmolLM2, as `npm start` serves both.

import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, type Page } from '@playwright/test';
import { serve } from '../../../scripts/serve.mjs';
import { mounts } from '../../../scripts/start.mjs';
import { visit } from './locked';

const NAME = 'SmolLM2 135M Instruct';
export const MODEL = '/models/smollm2-135m-instruct-q4_1.gguf';

/** The server, with the paths that it is asked for. */
export async function started() {
  const server = await serve(mounts(), 0);
  const asked: string[] = [];
  server.prependListener('request', ({ url = '' }: IncomingMessage) => asked.push(url));
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { site: `http://localhost:${(server.address() as AddressInfo).port}/`, asked, close };
}

/** Drawn the same each time, from little memory, and short: here a processor plays the graphics processor. */
const settings = (maxTokens: number) =>
  JSON.stringify({ defaults: { temperature: 0, seed: 1, maxTokens }, load: { nCtx: 256 } });

/** A first visit, which ends in the chat once the model is downloaded. Answers then have so many tokens at most. */
export async function visitAndDownload(page: Page, site: string, maxTokens: number): Promise<void> {
  await page.addInitScript((settings) => localStorage.setItem('minke.settings', settings), settings(maxTokens));
  await visit(page, site);
  await expect(page.locator('.suggestion')).toContainText(NAME);
  await page.getByRole('link', { name: 'Get this model' }).click();
  await page.getByRole('button', { name: `Download ${NAME}` }).click();
  await expect(page.getByRole('progressbar', { name: `Downloading ${NAME}` })).toBeVisible();
  await page.getByRole('link', { name: 'Chat with it' }).click();
}

/** Asks; that can be done as soon as there is where to write, also while the model is loaded. */
export async function ask(page: Page, text: string): Promise<void> {
  const box = page.getByRole('textbox', { name: 'Write a message' });
  await box.fill(text);
  await box.press('Enter');
}

/** The last answer. */
export const last = (page: Page) => page.locator('article.answer').last();

/** What it says. */
export const said = (page: Page) => last(page).locator('.answer-text');
