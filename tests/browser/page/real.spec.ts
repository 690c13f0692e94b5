// The app walked once with a real model, SmolLM2, as `npm start` serves it: from the first visit to a chat without the server.

import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../../scripts/setup.mjs';
import type { Message } from '../../../web/app/src/history/types';
import { expect, test } from '../fixtures';
import { badge } from './locked';
import { entry, search, stored } from './seed';
import { ask, last, MODEL, said, started, visitAndDownload } from './small-model';

const QUESTION = 'What is the capital of France? Answer in one sentence.';

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
  await visitAndDownload(page, site, 10);

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
  await expect(last(page)).toContainText('The answer reached its maximum length.');
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
