// The app walked once with a real model, SmolLM2, as `npm start` serves it: from the first visit to a chat without the server.

import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Page } from '@playwright/test';
import { serve } from '../../../scripts/serve.mjs';
import { root } from '../../../scripts/setup.mjs';
import { mounts } from '../../../scripts/start.mjs';
import type { Message } from '../../../web/app/src/history/types';
import { expect, test } from '../fixtures';
import { badge, visit } from './locked';
import { entry, search, stored } from './seed';

const NAME = 'SmolLM2 135M Instruct';
const MODEL = '/models/smollm2-135m-instruct-q4_1.gguf';
const QUESTION = 'What is the capital of France? Answer in one sentence.';
/** Drawn the same each time, from little memory, and short: here a processor plays the graphics processor. */
const SETTINGS = { defaults: { temperature: 0, seed: 1, maxTokens: 12 }, load: { nCtx: 256 } };

/** As `npm start` serves it, with the paths that it is asked for. */
async function started() {
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

async function ask(page: Page, text: string): Promise<void> {
  const box = page.getByRole('textbox', { name: 'Write a message' });
  await box.fill(text);
  await box.press('Enter');
}

const last = (page: Page) => page.locator('article.answer').last();
const said = (page: Page) => last(page).locator('.answer-text');

/** What is read of the last answer, one after another, until it has come to its end. */
const growing = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<string[]>((resolve) => {
        const seen: string[] = [];
        const look = () => {
          const answer = [...document.querySelectorAll('.answer-text')].at(-1);
          const text = answer?.textContent ?? '';
          if (text !== (seen.at(-1) ?? '')) seen.push(text);
          if (seen.length === 0 || answer?.getAttribute('aria-busy') !== 'false') return;
          observer.disconnect();
          resolve(seen);
        };
        const observer = new MutationObserver(look);
        observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
      }),
  );

/** The last answer as the database has it. */
const kept = async (page: Page) =>
  ((await stored(page))['messages'] as unknown as Message[])
    .filter((message) => message.role === 'assistant')
    .sort((a, b) => a.created - b.created)
    .at(-1);

/** The paths that the site was asked for, by how their names end; of files that the build has named, without the hash. */
function askedOf(site: string, requests: readonly string[]): Record<string, string[]> {
  const own = requests.filter((url) => url.startsWith(site)).map((url) => new URL(url).pathname);
  const paths = new Set(own.map((path) => path.replace(/-[\w-]{8}(?=\.\w+$)/, '')));
  const byEnd: Record<string, string[]> = {};
  for (const path of [...paths].sort()) (byEnd[extname(path)] ??= []).push(path);
  return byEnd;
}

test('from the first visit to a chat without the server', async ({ page, log }) => {
  const { site, asked, close } = await started();
  await page.addInitScript((settings) => localStorage.setItem('minke.settings', settings), JSON.stringify(SETTINGS));
  await visit(page, site);
  await expect(page.locator('.suggestion')).toContainText(NAME);
  await page.getByRole('link', { name: 'Get this model' }).click();
  await page.getByRole('button', { name: `Download ${NAME}` }).click();
  await expect(page.getByRole('progressbar', { name: `Downloading ${NAME}` })).toBeVisible();
  await page.getByRole('link', { name: 'Chat with it' }).click();

  // it loads by itself, meanwhile one can ask
  await ask(page, QUESTION);
  const seen = await growing(page);
  expect(seen.length).toBeGreaterThan(3);
  expect(seen.filter((text, at) => !text.startsWith(seen[at - 1] ?? ''))).toEqual([]);
  expect(seen.at(-1)).toContain('Paris');
  await expect(last(page).locator('.facts-line')).toHaveText(/^\d+ tokens · [\d.]+ tokens\/s$/);
  await expect(badge(page)).toHaveText('Nothing can leave this page');

  await ask(page, 'Write a story of a whale.');
  await expect(said(page)).toHaveText(/\w+ \w+/);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(last(page)).toContainText('Stopped');

  // cut off by a reload, with which the server is gone too
  await last(page).getByRole('button', { name: 'Another answer' }).click();
  const begun = { state: 'running', content: expect.stringMatching(/\w+ \w+/) as unknown };
  await expect.poll(() => kept(page)).toMatchObject(begun);
  const before = await kept(page);
  await close();
  await page.reload();
  await expect(last(page)).toContainText('The answer reached its greatest length.');
  const whole = await kept(page);
  expect(whole).toMatchObject({ id: before?.id, completion: before?.completion, facts: { seed: 1 } });
  expect(whole?.content.startsWith(before?.content ?? '')).toBe(true);
  expect(whole?.content.length).toBeGreaterThan(before?.content.length ?? 0);

  await search(page, 'paris');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(entry(page, 'What is the capital of France?…')).toHaveAttribute('aria-current', 'page');

  const others = log.requests.filter((url) => !url.startsWith(site));
  expect(others.filter((url) => !new URL(url).hostname.endsWith('.leak-test.invalid'))).toEqual([]);
  const { '.js': scripts = [], '.css': styles = [], ...rest } = askedOf(site, log.requests);
  expect(rest).toEqual({
    '': ['/', '/models/', '/server/'], // the last one by the self-test, which must not get it
    '.gguf': [MODEL],
    '.html': ['/probe.html'],
    '.svg': ['/icon.svg'],
    '.wasm': ['/assets/engine.wasm'],
  });
  // nothing of what was not used
  expect([...scripts, ...styles].filter((path) => /pdf|typeset|highlight|exchange|connect/.test(path))).toEqual([]);
  // what came from elsewhere than the build is the model, piece by piece
  const built = (path: string) => existsSync(join(root, 'site', path));
  expect([...new Set(asked)].filter((path) => !built(path))).toEqual([MODEL]);
});
