// The conversations at the side, search, files of them, and what becomes of them when the database does not do its part.

import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import type { Download, Locator, Page } from '@playwright/test';
import type { ChatEngine } from '../../../web/src/index';
import { titleFrom, titleOf } from '../../../web/app/src/history/titles';
import { expect, open, test } from './page';
import { daysAgo, manyConversations, seed } from './seed';

const side = (page: Page): Locator => page.getByRole('navigation', { name: 'Conversations' });
const entry = (page: Page, name: string): Locator => side(page).getByRole('link', { name, exact: true });

async function choose(page: Page, title: string, item: string): Promise<void> {
  await entry(page, title).hover();
  await side(page)
    .getByRole('button', { name: `Options for ${title}` })
    .click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** What the database has, by store. */
const stored = (page: Page): Promise<Record<string, Record<string, unknown>[]>> =>
  page.evaluate(async () => {
    const result = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = reject;
      });
    const db = await result(indexedDB.open('minke'));
    const all: Record<string, Record<string, unknown>[]> = {};
    for (const name of db.objectStoreNames) all[name] = await result(db.transaction(name).objectStore(name).getAll());
    db.close();
    return all;
  });

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

  await page.clock.runFor(20_000); // the toast that was undone is over
  expect((await stored(page))['messages']).toHaveLength(2);
  await choose(page, 'first', 'Delete');
  await page.reload(); // within the time to undo
  await expect(entry(page, 'second')).toBeVisible();
  await expect(entry(page, 'first')).toBeHidden();
  await page.clock.runFor(61_000);
  await expect.poll(async () => Object.values(await stored(page)).map(({ length }) => length)).toEqual([1, 0, 1]);
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

/** Opens the search and types. */
async function search(page: Page, query: string): Promise<void> {
  if (!(await page.getByRole('dialog').isVisible())) await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(query);
}

test('search finds words in titles and messages, whatever their case, accents and script', async ({
  fakePage: page,
}) => {
  await seed(page, [
    {
      id: 'french',
      title: 'Le CAFÉ',
      updated: daysAgo(1),
      turns: ['Où est le théâtre ?', 'Juste après <b>la gare</b>.'],
    },
    { id: 'chinese', updated: daysAgo(2), turns: ['天空为什么是蓝色的？', '因为瑞利散射。'] },
    { id: 'hindi', updated: daysAgo(3), turns: ['आसमान नीला क्यों है?', 'प्रकाश का प्रकीर्णन'] },
    { id: 'arabic', updated: daysAgo(4), turns: ['لماذا السَّماء زرقاء؟', 'بسبب تشتت أشعة الضوء'] },
  ]);
  const options = page.getByRole('option');
  await page.keyboard.press('Control+k');
  await expect(options).toHaveCount(4); // the last ones, until one types
  const finds: [query: string, id: string, marked: string][] = [
    ['cafe', 'Le CAFÉ', 'CAFÉ'],
    ['THEATRE', 'Le CAFÉ', 'théâtre'],
    ['<B>la  gare', 'Le CAFÉ', '<b>la gare'],
    ['为什么', 'chinese', '为什么'],
    ['नीला', 'hindi', 'नीला'],
    ['السماء', 'arabic', 'السَّماء'],
    ['اشعة', 'arabic', 'أشعة'],
  ];
  for (const [query, title, marked] of finds) {
    await search(page, query);
    await expect(options).toHaveCount(1);
    await expect(options).toContainText(title);
    await expect(options.locator('mark').first()).toHaveText(marked);
  }
  for (const query of ['theatres', 'नल', '.*', '[']) {
    await search(page, query);
    await expect(page.getByRole('dialog').getByRole('status')).toHaveText(`Nothing here has “${query}”.`);
    await expect(options).toHaveCount(0);
  }
});

test('a result is chosen with the arrow keys, and opens at its message', async ({ fakePage: page }) => {
  await seed(page, [
    { id: 'first', turns: ['one whale', 'x'] },
    { id: 'second', updated: daysAgo(1), turns: ['x', 'two whales'] },
  ]);
  await search(page, 'whale');
  await expect(page.getByRole('option')).toHaveCount(2);
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('option', { name: 'second' })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeHidden();
  expect(new URL(page.url()).hash).toBe('#/c/second/second-1');
  await expect(entry(page, 'second')).toHaveAttribute('aria-current', 'page');
});

async function read(download: Download): Promise<string> {
  return readFileSync(await download.path(), 'utf8');
}

async function exportAll(page: Page): Promise<string> {
  await side(page).getByRole('button', { name: 'Import and export' }).click();
  const downloading = page.waitForEvent('download');
  await page.getByRole('dialog').getByRole('button', { name: /^Save/ }).click();
  const text = await read(await downloading);
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  return text;
}

/** Imports a file; what is said of it. */
async function importText(page: Page, text: string): Promise<string> {
  if (!(await page.getByRole('dialog').isVisible())) {
    await side(page).getByRole('button', { name: 'Import and export' }).click();
  }
  const note = page.getByRole('dialog').locator('.note');
  await note.evaluateAll(([old]) => old?.setAttribute('data-old', ''));
  const file = { name: 'conversations.json', mimeType: 'application/json', buffer: Buffer.from(text) };
  await page.getByRole('dialog').locator('input[type=file]').setInputFiles(file);
  await expect(page.getByRole('dialog').getByRole('button', { name: 'Choose a file' })).toBeEnabled();
  return note.innerText();
}

test('what is exported and deleted comes back equal', async ({ fakePage: page }) => {
  await seed(page, [
    {
      id: 'first',
      title: 'Größe',
      titledBy: 'person',
      pinned: true,
      settings: { seed: null, topK: 5 },
      turns: ['a', 'b'],
    },
    { id: 'second', archived: true, updated: daysAgo(100), turns: ['c', 'd', 'e'] },
  ]);
  const before = await stored(page);
  const text = await exportAll(page);
  expect(JSON.parse(text)).toMatchObject({ format: 'minke.conversations', version: 1 });

  expect(await importText(page, text)).toContain('2 were here already');
  await page.keyboard.press('Escape');
  await page.evaluate(
    () => new Promise((resolve) => Object.assign(indexedDB.deleteDatabase('minke'), { onsuccess: resolve })),
  );
  await page.reload();
  await expect(side(page)).toContainText('Your conversations will be listed here.');
  expect(await importText(page, text)).toBe('2 conversations were added.');
  expect(await stored(page)).toEqual(before);
  await expect(side(page).locator('.row')).toHaveText(['Größe']);

  const newer = JSON.parse(text) as { conversations: { id: string; title: string; updated: number }[] };
  for (const one of newer.conversations) Object.assign(one, { title: 'Newer', updated: one.updated + 1 });
  expect(await importText(page, JSON.stringify(newer))).toContain('2 were replaced by newer versions.');
  await expect(side(page).locator('.row')).toHaveText(['Newer']);
});

test('files that are not right are refused in words, and nothing of them is taken', async ({ fakePage: page }) => {
  const message = { id: 'm', parent: null, created: 1, role: 'user', content: 'a', files: [] };
  const good = {
    ...{ id: 'c', title: 'Fine', titledBy: 'words', created: 1, updated: 1, pinned: false, archived: false },
    ...{ settings: {}, leaf: 'm', messages: [message] },
  };
  const file = (...conversations: object[]) =>
    JSON.stringify({ format: 'minke.conversations', version: 1, exported: '', conversations });
  const having = (...messages: object[]) => file(good, { ...good, id: 'd', leaf: null, messages });
  const second = { ...message, id: 'n' };
  const refused: [text: string, words: string][] = [
    ['{', 'is not JSON'],
    ['['.repeat(200_000), 'is not JSON'],
    ['[]', 'has no conversations of Minke'],
    ['{"__proto__": {"format": "minke.conversations"}}', 'has no conversations of Minke'],
    [file().replace('"version":1', '"version":2'), 'from a newer version'],
    [file().replace('[]', '{}'), 'conversations'],
    [file(good, { ...good, id: '../x' }), 'conversations[1].id'],
    [file(good, { ...good, id: 'd', updated: 1e300 }), 'conversations[1].updated'],
    [file(good, { ...good, id: 'd', settings: { temperature: '1' } }), 'conversations[1].settings.temperature'],
    [file(good, { ...good, id: 'd', leaf: 'gone', messages: [] }), 'follows one that is not there'],
    [file(good, good), 'the same id: c'],
    [having(message), 'the same id: m'],
    [having({ ...second, parent: 'm' }), 'follows one that is not there'],
    [having({ ...second, parent: 'n' }), 'in a circle'],
    [having({ ...second, parent: 'o' }, { ...second, id: 'o', parent: 'n' }), 'in a circle'],
    [having({ ...second, content: { toString: 1 } }), 'conversations[1].messages[0].content'],
    [having({ ...second, role: 'system' }), 'messages[0].role'],
    [having({ ...second, role: 'assistant', reasoning: '', state: 'done' }), 'messages[0].facts'],
  ];
  await seed(page, [{ id: 'here', turns: ['a'] }]);
  const before = await stored(page);
  for (const [text, words] of refused) {
    const said = await importText(page, text);
    expect(said).toContain(words);
    expect(said).toContain('Nothing was imported.');
  }
  const theft = { ...second, id: 'here-0' }; // would take the message from its conversation
  expect(await importText(page, having(theft))).toContain('of another conversation’s message');
  expect(await stored(page)).toEqual(before);

  expect(await importText(page, file({ ...good, unknown: 1, __proto__: null }))).toBe('1 conversation was added.');
  const { conversations } = await stored(page);
  expect(conversations?.find(({ id }) => id === 'c')).toEqual({ ...good, messages: undefined });
});

test('one conversation is saved as Markdown, along the path that is shown', async ({ fakePage: page }) => {
  await seed(page, [
    { id: 'one', title: 'A/B: tests', turns: ['What is **A**?', 'It is `A`.', 'And B?', 'B.'], leaf: 'one-1' },
  ]);
  const downloading = page.waitForEvent('download');
  await choose(page, 'A/B: tests', 'Save as Markdown');
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('A B tests.md');
  const [title, , ...turns] = (await read(download)).trim().split('\n\n');
  expect(title).toBe('# A/B: tests');
  expect(turns).toEqual(['## You', 'What is **A**?', '## Fake', 'It is `A`.']);
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
            messages.put({ id, conversation: 'c', parent: null, role: 'user', content: `word ${id}`, files: [] });
          }
        };
        opening.onsuccess = () => (opening.result.close(), resolve());
      }),
  );
  await open(page, site);
  await expect(entry(page, 'Old')).toBeVisible();
  await search(page, 'word n');
  await expect(page.getByRole('option', { name: 'Old' })).toContainText('word n');
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
    ['天空为什么是蓝色的？请用简单的话解释一下瑞利散射的原理。', '天空为什么是蓝色的…'],
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

const median = (all: number[]): number => all.sort((a, b) => a - b)[all.length >> 1] as number;
const told = (all: number[]): string => all.map((time) => time.toFixed(0)).join(', ');

/** Notes when the first conversation was painted, in milliseconds from the navigation on. */
function noteListTime(): void {
  const observer = new MutationObserver(() => {
    if (!document.querySelector('.row')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => Object.assign(window, { listTime: performance.now() })));
  });
  observer.observe(document, { childList: true, subtree: true });
}

/** Types queries, the first one as soon as the search is there; the milliseconds until each is answered. */
async function searchTimes(queries: [query: string, answer: string][]): Promise<number[]> {
  const until = (is: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => is() && (observer.disconnect(), resolve());
      const observer = new MutationObserver(look);
      observer.observe(document, { childList: true, subtree: true, characterData: true });
      look();
    });
  const field = () => document.querySelector<HTMLInputElement>('[role=combobox]');
  dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
  await until(() => field() !== null);
  const times: number[] = [];
  for (const [query, answer] of queries) {
    const start = performance.now();
    Object.assign(field() as HTMLInputElement, { value: query });
    field()?.dispatchEvent(new InputEvent('input', { bubbles: true }));
    await until(() => document.querySelector('dialog')?.textContent?.includes(answer) ?? false);
    times.push(performance.now() - start);
  }
  return times;
}

/** Some that are found once, some often and some not at all, each with what is then said. */
const QUERIES: [query: string, answer: string][] = [
  ['a needle in', '1 conversation has it.'],
  ['zebra', 'Nothing here has “zebra”.'],
  ['SCATTERS  more', 'These are the last 50.'],
  ['naive CAFE cafe why', '1 conversation has it.'],
  ['conversation 997', 'Conversation 997 about'],
];

test('1,000 conversations: the list opens within 300 ms, search answers within 200 ms', async ({
  fakePage: page,
  site,
}) => {
  const many = manyConversations();
  many.at(-1)?.turns?.splice(9, 1, 'There was a needle in the haystack.');
  await seed(page, many);
  await page.addInitScript(noteListTime);
  const list: number[] = [];
  const first: number[] = [];
  const later: number[] = [];
  for (let run = 0; run < 5; run++) {
    await open(page, site, `?run=${run}`);
    list.push(
      (await (await page.waitForFunction(() => (window as { listTime?: number }).listTime)).jsonValue()) as number,
    );
    const [one = NaN, ...others] = await page.evaluate(searchTimes, QUERIES);
    first.push(one);
    later.push(...others);
  }
  console.log(
    `list: ${told(list)} ms; first search: ${told(first)} ms; later: ${told(later)} ms; load: ${loadavg()[0]}`,
  );
  expect(median(list)).toBeLessThan(300);
  expect(median(first)).toBeLessThan(200);
  expect(median(later)).toBeLessThan(200);
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
