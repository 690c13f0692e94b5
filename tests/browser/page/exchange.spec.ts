// Conversations as files.

import { readFileSync } from 'node:fs';
import type { Download, Page } from '@playwright/test';
import { expect, test } from './page';
import { choose, daysAgo, importText, seed, side, stored } from './seed';

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
    [file(good, { ...good, id: 'd', leaf: 'gone', messages: [] }), 'follows one that is missing'],
    [file(good, good), 'the same id: c'],
    [having(message), 'the same id: m'],
    [having({ ...second, parent: 'm' }), 'follows one that is missing'],
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
