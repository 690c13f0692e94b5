// The conversations at the side, their titles, and what becomes of them when the database does not do its part.

import type { ChatEngine } from '../../../web/src/index';
import { titleFrom, titleOf } from '../../../web/app/src/history/titles';
import { expect, open, test } from './page';
import { choose, daysAgo, entry, importText, search, seed, side, stored } from './seed';

test('conversations are listed in groups, the open one is marked', async ({ fakePage: page, site }) => {
  await expect(side(page)).toContainText('Your conversations will be listed here.');
  await seed(page, [
    { id: 'old', updated: daysAgo(400) },
    { id: 'today', updated: daysAgo(0) },
    { id: 'pinned', updated: daysAgo(90), pinned: true },
    { id: 'month', updated: daysAgo(20) },
    { id: 'yesterday', updated: daysAgo(1), title: '' },
    { id: 'week', updated: daysAgo(5) },
    { id: 'archived', updated: daysAgo(2), archived: true },
  ]);
  const month = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric' }).format(daysAgo(400));
  await expect(side(page).getByRole('heading')).toHaveText([
    'Pinned',
    'Today',
    'Yesterday',
    'Last 7 days',
    'Last 30 days',
    month,
  ]);
  await expect(side(page).locator('.row')).toHaveText(['pinned', 'today', 'Untitled chat', 'week', 'month', 'old']);
  await open(page, site, '#/c/week');
  await expect(side(page).locator('[aria-current=page]')).toHaveText('week');
  await side(page).getByText('Archived (1)').click();
  await expect(entry(page, 'archived')).toBeVisible();
});

test('a conversation is renamed in place, pinned and archived, for good', async ({ fakePage: page }) => {
  await seed(page, [{ id: 'first' }, { id: 'second', updated: daysAgo(3) }]);
  await choose(page, 'second', 'Rename');
  const field = page.getByRole('textbox', { name: 'Title of the conversation' });
  await expect(field).toBeFocused();
  await field.fill('not kept');
  await field.press('Escape');
  await expect(entry(page, 'second')).toBeFocused();
  await choose(page, 'second', 'Rename');
  await field.fill('Blue whales');
  await field.press('Enter');
  await expect(entry(page, 'Blue whales')).toBeFocused();
  await choose(page, 'Blue whales', 'Pin to the top');
  await expect(side(page).getByRole('heading')).toHaveText(['Pinned', 'Today']);
  await choose(page, 'first', 'Archive');
  await expect(entry(page, 'first')).toBeHidden();

  await page.reload();
  await expect(side(page).locator('.row')).toHaveText(['Blue whales']);
  await side(page).getByText('Archived (1)').click();
  await choose(page, 'first', 'Move out of the archive');
  await choose(page, 'Blue whales', 'Unpin');
  await expect(side(page).getByRole('heading')).toHaveText(['Today', 'Last 7 days']);
  expect((await stored(page))['conversations']).toContainEqual(
    expect.objectContaining({ title: 'Blue whales', titledBy: 'person', pinned: false }),
  );
});

test('what is deleted can come back for a while, and is gone after it', async ({ fakePage: page, site }) => {
  await page.clock.install();
  await seed(page, [
    { id: 'first', turns: ['a', 'b'] },
    { id: 'second', updated: daysAgo(3) },
  ]);
  await open(page, site, '#/c/first');
  await choose(page, 'first', 'Delete');
  await expect(entry(page, 'first')).toBeHidden();
  await expect(entry(page, 'second')).not.toHaveAttribute('aria-current');
  expect(new URL(page.url()).hash).toBe('#/');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(entry(page, 'first')).toHaveAttribute('aria-current', 'page');

  await page.clock.runFor(5000);
  await choose(page, 'first', 'Delete');
  await page.clock.runFor(5000); // the time of the first deletion is over, not that of this one
  expect((await stored(page))['messages']).toHaveLength(2);
  await page.reload(); // within the time to undo
  await expect(entry(page, 'second')).toBeVisible();
  await expect(entry(page, 'first')).toBeHidden();
  await page.clock.runFor(61_000);
  const counts = async () => Object.values(await stored(page)).map(({ length }) => length);
  await expect.poll(counts).toEqual([1, 0, 1]);
  await choose(page, 'second', 'Delete');
  expect(await counts()).toEqual([1, 0, 1]);
  await page.clock.runFor(9000);
  await expect.poll(counts).toEqual([0, 0, 0]);
});

test('the keyboard alone does it all', async ({ fakePage: page }) => {
  await seed(page, [{ id: 'first' }, { id: 'second', updated: daysAgo(3) }]);
  await entry(page, 'first').focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Rename' })).toBeFocused();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await expect(entry(page, 'first')).toBeHidden();
  await expect(page.getByRole('status').filter({ hasText: 'Deleted' })).toBeVisible();
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('what one tab changes, the others show', async ({ fakePage: page, site, context }) => {
  await seed(page, [{ id: 'first' }, { id: 'second', updated: daysAgo(3) }]);
  const other = await context.newPage();
  await open(other, site);
  await expect(entry(other, 'first')).toBeVisible();
  await choose(page, 'first', 'Rename');
  await page.keyboard.type('Renamed');
  await page.keyboard.press('Enter');
  await expect(entry(other, 'Renamed')).toBeVisible();
  await choose(other, 'second', 'Delete');
  await expect(entry(page, 'second')).toBeHidden();
  await other.getByRole('button', { name: 'Undo' }).click();
  await expect(entry(page, 'second')).toBeVisible();
});

test('a newer version in another tab is not held up, and this one says to reload', async ({ fakePage: page }) => {
  await seed(page, [{ id: 'first' }]);
  await page.evaluate(
    () => new Promise((resolve) => Object.assign(indexedDB.open('minke', 99), { onsuccess: resolve })),
  );
  await expect(page.getByRole('status').filter({ hasText: 'A newer version of Minke' })).toBeVisible();
  await page.getByRole('button', { name: 'Reload' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'A newer version of Minke' })).toBeVisible();
});

test('an older version in another tab does not keep this one from opening', async ({ page, site, context }) => {
  await page.goto(`${site}icon.svg`);
  await page.evaluate(
    () => new Promise((resolve) => Object.assign(indexedDB.open('minke', 1), { onsuccess: resolve })),
  );
  const newer = await context.newPage();
  await open(newer, site);
  await expect(newer.getByRole('status').filter({ hasText: 'in an older version' })).toBeVisible();
});

test('the database of the first version is taken over, for search too', async ({ page, site }) => {
  await page.goto(`${site}icon.svg`);
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const opening = indexedDB.open('minke', 1);
        opening.onupgradeneeded = () => {
          const { result: db } = opening;
          const common = { created: 1, updated: 1, pinned: false, archived: false, settings: {} };
          db.createObjectStore('conversations', { keyPath: 'id' }).put({ id: 'c', title: 'Old', leaf: 'm', ...common });
          const messages = db.createObjectStore('messages', { keyPath: 'id' });
          messages.createIndex('conversation', 'conversation');
          for (const id of ['m', 'n']) {
            messages.put({
              id,
              conversation: 'c',
              parent: null,
              role: 'assistant',
              reasoning: `thought ${id}`,
              content: '',
            });
          }
        };
        opening.onsuccess = () => (opening.result.close(), resolve());
      }),
  );
  await open(page, site);
  await expect(entry(page, 'Old')).toBeVisible();
  await search(page, 'thought n');
  await expect(page.getByRole('option', { name: 'Old' })).toContainText('thought n');
});

test('without a database one can go on, and is told once', async ({ page, site }) => {
  await page.addInitScript(() => {
    Object.defineProperty(indexedDB, 'open', {
      value: () => {
        throw new DOMException('not here', 'SecurityError');
      },
    });
  });
  await open(page, site);
  const note = page.getByRole('status').filter({ hasText: 'This browser keeps no data for this page' });
  await expect(note).toBeVisible();
  await note.getByRole('button', { name: 'Close' }).click();
  await expect(note).toBeHidden();
  const message = { id: 'm', parent: null, created: 1, role: 'user', content: 'in memory', files: [] };
  const conversation = {
    id: 'c',
    title: 'Kept here',
    titledBy: 'words',
    created: 1,
    updated: 1,
    settings: {},
    leaf: 'm',
  };
  const whole = { ...conversation, pinned: false, archived: false, messages: [message] };
  await importText(page, JSON.stringify({ format: 'minke.conversations', version: 1, conversations: [whole] }));
  await page.keyboard.press('Escape');
  await expect(entry(page, 'Kept here')).toBeVisible();
  await search(page, 'memory');
  await expect(page.getByRole('option', { name: 'Kept here' })).toBeVisible();
  await page.keyboard.press('Escape');
  await choose(page, 'Kept here', 'Delete');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(entry(page, 'Kept here')).toBeVisible();
});

test('a title is the first words of a question, without marks', () => {
  const titles: [text: string, title: string][] = [
    ['Why is the sky blue?', 'Why is the sky blue?'],
    ['## Why is **the sky** `blue`, and why is it red at night?', 'Why is the sky blue, and…'],
    ['- [Rayleigh](https://example.org) scattering\n- Mie', 'Rayleigh scattering Mie'],
    ['```python\nprint(1)\n```', 'print(1)'],
    ['snake_case_name * 2 * x', 'snake_case_name * 2 * x'],
    ['x'.repeat(100), `${'x'.repeat(40)}…`],
    ['👩‍👩‍👧‍👦'.repeat(50), `${'👩‍👩‍👧‍👦'.repeat(3)}…`],
    ['天空为什么是蓝色的？请用简单的话解释一下瑞利散射的原理。', '天空为什么是蓝色的？请用…'],
    ['  \n ', ''],
  ];
  for (const [text, title] of titles) expect(titleFrom(text)).toBe(title);
});

test('the model is asked for a title without thinking, and what it writes is cleaned', async () => {
  const common = { conversation: 'c', created: 1, files: [] };
  const question = { ...common, id: 'm', parent: null, role: 'user' as const, content: 'Why? '.repeat(1000) };
  const written: [text: string, title: string][] = [
    ['Blue sky', 'Blue sky'],
    ['Title: "The **blue** sky."\n\nI chose it because', 'The blue sky'],
    ['</think>\n\n«Небо»', 'Небо'],
    ['', ''],
  ];
  for (const [content, title] of written) {
    const requests: Record<string, unknown>[] = [];
    const create = async (request: Record<string, unknown>) => {
      requests.push(request);
      return { choices: [{ message: { content } }] };
    };
    const engine = { chat: { completions: { create } } } as unknown as ChatEngine;
    expect(await titleOf(engine, [question])).toBe(title);
    expect(requests).toMatchObject([{ thinking: { type: 'disabled' }, max_tokens: 32 }]);
    expect(JSON.stringify(requests).length).toBeLessThan(2500);
  }
});

test('a long list is there to its end as one scrolls', async ({ fakePage: page }) => {
  await seed(
    page,
    Array.from({ length: 300 }, (_, index) => ({ id: `c${index}`, updated: daysAgo(index) })),
  );
  const rows = side(page).locator('.row');
  expect(await rows.count()).toBeLessThan(300);
  await expect(async () => {
    await rows.last().scrollIntoViewIfNeeded();
    expect(await rows.count()).toBe(300);
  }).toPass();
});
