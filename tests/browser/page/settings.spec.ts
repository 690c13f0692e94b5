// The settings: what they show and keep, what they refuse, and what a conversation has differently.

import type { Page } from '@playwright/test';
import { expect, open, test } from './page';

const SETTINGS = '#/settings';
const section = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const number = (page: Page, name: string) => page.getByRole('spinbutton', { name, exact: true });
const slider = (page: Page, name: string) => page.getByRole('slider', { name, exact: true });
const choice = (page: Page, name: string) => page.getByRole('radio', { name, exact: true });

/** What is kept by a name in localStorage. */
const stored = (page: Page, name: string) =>
  page.evaluate((name) => JSON.parse(localStorage.getItem(name) ?? 'null') as unknown, name);

async function openValues(page: Page, site: string) {
  await open(page, site, SETTINGS);
  await page.getByText('Each value by itself').click();
}

test('values are changed by slider and number, told if they make no sense, and kept', async ({
  fakePage: page,
  site,
}) => {
  await openValues(page, site);
  await expect(number(page, 'Temperature')).toHaveValue('0.6');
  await number(page, 'Temperature').fill('0.85');
  await expect(slider(page, 'Temperature')).toHaveValue('0.85');
  await slider(page, 'Top-p').fill('0.5');
  await expect(number(page, 'Top-p')).toHaveValue('0.5');

  for (const wrong of ['7', '-1', '']) {
    await number(page, 'Temperature').fill(wrong);
    await expect(page.getByRole('alert').filter({ hasText: 'from 0 to 2' })).toBeVisible();
    await expect(number(page, 'Temperature')).toHaveAttribute('aria-invalid', 'true');
  }
  await number(page, 'Top-k').fill('1.5');
  await expect(page.getByRole('alert').filter({ hasText: 'whole number from 0 to 200' })).toBeVisible();

  await page.getByLabel('Limit the length of a reply').check();
  await number(page, 'Maximum tokens for an answer').fill('1000');
  await choice(page, 'Up to a limit').check();
  await number(page, 'Maximum tokens for thinking').fill('2048');
  await page.getByRole('textbox', { name: 'System prompt' }).fill('Answer in verse.');
  await choice(page, 'Forget the middle').check();
  await choice(page, 'By the model').check();
  expect(await stored(page, 'minke.settings')).toMatchObject({
    titles: 'model',
    defaults: {
      temperature: 0.85,
      topP: 0.5,
      topK: 0,
      maxTokens: 1000,
      thinking: 'budget',
      thinkingBudget: 2048,
      system: 'Answer in verse.',
      overflow: 'truncate-middle',
    },
  });

  await page.reload();
  await page.getByText('Each value by itself').click();
  await expect(number(page, 'Temperature')).toHaveValue('0.85');
  await expect(page.getByRole('textbox', { name: 'System prompt' })).toHaveValue('Answer in verse.');
  await expect(choice(page, 'By the model')).toBeChecked();
});

test('presets are chosen, and own ones saved, renamed and deleted', async ({ fakePage: page, site }) => {
  await openValues(page, site);
  await expect(choice(page, 'Recommended')).toBeChecked();
  await choice(page, 'The same answer each time').check();
  await expect(number(page, 'Temperature')).toHaveValue('0');
  await expect(number(page, 'Seed')).toHaveValue('1');

  await number(page, 'Temperature').fill('0.33');
  await expect(choice(page, 'The same answer each time')).not.toBeChecked();
  await page.getByLabel('Name', { exact: true }).fill('Mine');
  await page.getByRole('button', { name: 'Save as a preset' }).click();
  await expect(choice(page, 'Mine')).toBeChecked();
  await choice(page, 'Recommended').check();
  await page.reload();
  await choice(page, 'Mine').check();
  await page.getByText('Each value by itself').click();
  await expect(number(page, 'Temperature')).toHaveValue('0.33');

  await page.getByText('Your own presets', { exact: true }).click();
  await page.getByRole('button', { name: 'Rename Mine' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Ours');
  await page.getByRole('button', { name: 'Rename', exact: true }).click();
  await expect(choice(page, 'Ours')).toBeChecked();
  await page.getByRole('button', { name: 'Delete Ours' }).click();
  await expect(choice(page, 'Ours')).toHaveCount(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(choice(page, 'Ours')).toBeChecked();
});

test('what makes no sense in the storage is replaced by the default, field by field', async ({
  fakePage: page,
  site,
}) => {
  await page.evaluate(() => {
    const defaults = { temperature: 'hot', topP: 0.7, topK: -3, seed: 1.5, system: 7, thinking: 'on', overflow: '?' };
    const keep = (name: string, value: unknown) => localStorage.setItem(name, JSON.stringify(value));
    keep('minke.settings', { defaults, load: { nCtx: 1e99, kv: { keys: 'f32', values: 'no' } }, titles: {} });
    keep('minke.appearance', { theme: 'dark', textSize: 'huge', language: 'toString' });
    keep('minke.presets', [null, 7, { name: {} }, { name: 'Good', values: { temperature: 0.1, topP: [] } }]);
  });
  await openValues(page, site);
  await page.reload();
  await page.getByText('Each value by itself').click();
  await expect(number(page, 'Temperature')).toHaveValue('0.6');
  await expect(number(page, 'Top-p')).toHaveValue('0.7');
  await expect(number(page, 'Top-k')).toHaveValue('0');
  await expect(page.getByRole('textbox', { name: 'System prompt' })).toHaveValue('');
  await expect(page.getByLabel('Fixed seed')).not.toBeChecked();
  await expect(choice(page, 'Forget the oldest messages')).toBeChecked();
  await expect(choice(page, 'Their first words')).toBeChecked();
  await expect(choice(page, 'As long as the model allows')).toBeChecked();
  await expect(choice(page, 'Smallest without loss')).toBeChecked();
  await expect(page.getByLabel('Language', { exact: true })).toHaveValue('');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.locator('html')).toHaveAttribute('data-text-size', 'medium');
  await choice(page, 'Good').check();
  await expect(number(page, 'Temperature')).toHaveValue('0.1');
  await expect(number(page, 'Top-p')).toHaveValue('0.95');

  for (const hostile of ['{', '[]', 'null', '"text"', '{"defaults":null,"load":3}', '{"__proto__":{"defaults":1}}']) {
    await page.evaluate((text) => {
      for (const name of ['settings', 'appearance', 'presets']) localStorage.setItem(`minke.${name}`, text);
    }, hostile);
    await page.reload();
    await expect(choice(page, 'Recommended')).toBeChecked();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'system');
  }
});

test('theme, size of the text and language apply at once, and all is reset with a way back', async ({
  fakePage: page,
  site,
}) => {
  await open(page, site, SETTINGS);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const size = () => page.evaluate(() => parseFloat(getComputedStyle(document.documentElement).fontSize));
  const before = [await background(), await size()] as const;
  await choice(page, 'Dark').check();
  expect(await background()).not.toBe(before[0]);
  await choice(page, 'Large').check();
  expect(await size()).toBeGreaterThan(before[1]);
  await page.getByLabel('Language', { exact: true }).selectOption('English');
  await choice(page, 'Creative').check();
  await page.reload();
  await expect(page.getByLabel('Language', { exact: true })).toHaveValue('en');
  await expect(choice(page, 'Dark')).toBeChecked();

  await page.getByRole('button', { name: 'Reset all settings' }).click();
  await expect(choice(page, 'Same as the device')).toBeChecked();
  await expect(choice(page, 'Medium')).toBeChecked();
  await expect(choice(page, 'Recommended')).toBeChecked();
  expect(await size()).toBe(before[1]);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(choice(page, 'Dark')).toBeChecked();
  await expect(choice(page, 'Creative')).toBeChecked();
});

test('a context is told with its memory, by the plan of the kept model', async ({ fakePage: page, site }) => {
  await open(page, site, SETTINGS);
  const memory = section(page, 'Context and memory');
  const line = (name: string) => memory.locator('label', { hasText: name });
  await expect(memory).toContainText('for DeepSeek R1 Distill Qwen 1.5B');
  await expect(line('8,192 tokens')).toContainText('352 MB'); // 8192 positions of 43,008 bytes
  await expect(line('Values in 8 bits')).toContainText('36.7 MB per 1,000');
  await expect(line('Everything in 8 bits')).toContainText('Not for this model');
  await expect(choice(page, 'Everything in 8 bits')).toBeDisabled();

  await choice(page, 'Full precision').check();
  await expect(line('8,192 tokens')).toContainText('470 MB');
  await choice(page, '8,192 tokens').check();
  await choice(page, 'Values in 8 bits').check();
  await page.reload();
  await expect(choice(page, 'Values in 8 bits')).toBeChecked();
  expect(await stored(page, 'minke.settings')).toMatchObject({
    load: { nCtx: 8192, kv: { keys: 'f32', values: 'q8_0' } },
  });

  await page.evaluate(() => (fake.kept = []));
  await page.reload();
  await expect(memory).toContainText('once a model is kept');
  await expect(line('8,192 tokens')).not.toContainText('MB');
});

test('a conversation shows what it has differently, and goes back to the defaults one by one and in all', async ({
  fakePage: page,
  site,
}) => {
  await open(page, site, SETTINGS);
  await expect(page.getByText('all conversations use the settings above')).toBeVisible();
  await page.evaluate(keepConversation, { temperature: 1.2, thinking: 'off', maxTokens: 50 });
  await page.reload();
  const own = () => page.evaluate(ownOfConversation);
  await expect(page.getByText('3 differences')).toBeVisible();
  await page.getByRole('button', { name: 'Show', exact: true }).click();

  const dialog = page.getByRole('dialog', { name: 'Settings of this conversation' });
  await expect(dialog.getByText('3 settings differ')).toBeVisible();
  await expect(dialog.getByText('Differs from the default: As long as it takes')).toBeVisible();
  await expect(dialog.getByText('Differs from the default: none')).toBeVisible();
  await dialog.getByRole('button', { name: 'Use the default for: Thinking' }).click();
  await expect(dialog.getByText('2 settings differ')).toBeVisible();
  await expect(dialog.getByRole('radio', { name: 'As long as it takes' })).toBeChecked();
  await expect.poll(own).toEqual({ temperature: 1.2, maxTokens: 50 });

  await expect(dialog.getByText('Differs from the default: 0.6')).toBeVisible();
  await dialog.getByLabel('System prompt').fill('Be brief.');
  await dialog.getByRole('spinbutton', { name: 'Temperature' }).fill('0.6'); // as the default: no difference
  await expect.poll(own).toEqual({ maxTokens: 50, system: 'Be brief.' });

  await dialog.getByRole('button', { name: 'Use the defaults for all' }).click();
  await expect(dialog.getByText('Everything is as in the general settings')).toBeVisible();
  await expect.poll(own).toEqual({});
  await page.keyboard.press('Escape');
  await expect(page.getByText('all conversations use the settings above')).toBeVisible();
  await expect(number(page, 'Temperature')).toHaveCount(0); // the fold of the defaults was not touched
});

test('every control has a name and says what it does; the sections are reached by their links', async ({
  fakePage: page,
  site,
}) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await openValues(page, site);
  const nameless = await page
    .locator('main')
    .evaluate((main) =>
      [...main.querySelectorAll<HTMLInputElement>('input, select, textarea')]
        .filter(({ labels, ariaLabel }) => !labels?.length && !ariaLabel)
        .map(({ outerHTML }) => outerHTML),
    );
  expect(nameless).toEqual([]);
  await expect(slider(page, 'Temperature')).toHaveAccessibleDescription(/Higher: more varied/);
  await expect(choice(page, 'Precise')).toHaveAccessibleDescription(/likeliest words/);
  await page.getByRole('navigation', { name: 'Sections' }).getByText('Your data').click();
  await expect(page.getByRole('heading', { name: 'Your data' })).toBeFocused();
  await expect(page.getByRole('link', { name: 'Connect to a server' })).toHaveAttribute('href', /\/server\/$/);
  await page.getByRole('link', { name: 'Privacy, export and deletion' }).click();
  await expect(page).toHaveURL(/#\/privacy$/);
});

/** Has a conversation with settings of its own, in the page. */
function keepConversation(settings: object): Promise<void> {
  const conversation = {
    id: 'one',
    title: 'A talk',
    titledBy: 'words',
    created: 1,
    updated: 1,
    pinned: false,
    archived: false,
    settings,
    leaf: null,
  };
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('minke');
    request.onerror = () => reject(new Error('no database'));
    request.onsuccess = () => {
      const put = request.result.transaction('conversations', 'readwrite').objectStore('conversations');
      put.put(conversation).onsuccess = () => resolve();
    };
  });
}

/** What it has of its own, as it is kept. */
function ownOfConversation(): Promise<unknown> {
  return new Promise((resolve) => {
    indexedDB.open('minke').onsuccess = ({ target }) => {
      const { result } = target as IDBOpenDBRequest;
      const get = result.transaction('conversations').objectStore('conversations').get('one');
      get.onsuccess = () => resolve((get.result as { settings: unknown }).settings);
      result.close();
    };
  });
}
