// The keyboard's shortcuts, and their map.

import type { Page } from '@playwright/test';
import { expect, open as visit, test } from './page';

/** Opens a part of the app, which then listens to keys. */
async function open(page: Page, site: string, path: string): Promise<void> {
  await visit(page, site, path);
  await started(page);
}

const started = (page: Page) => expect(page.locator('#app')).not.toBeEmpty();

const map = (page: Page) => page.getByRole('dialog', { name: 'Keyboard shortcuts' });

/** A key as another layout or computer would send it. */
const press = (page: Page, key: { key: string; code: string; ctrlKey: boolean; shiftKey: boolean }): Promise<void> =>
  page.evaluate((key) => {
    document.body.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...key }));
  }, key);

test('shortcuts go to a new chat and the settings, and put the side away', async ({ fakePage: page, site }) => {
  await open(page, site, '#/privacy');
  const side = page.getByRole('navigation', { name: 'Conversations' });
  await expect(side).toBeVisible();
  await page.keyboard.press('Control+b');
  await expect(side).toBeHidden();
  await page.keyboard.press('Control+,');
  await expect(page).toHaveURL(`${site}#/settings`);
  await page.keyboard.press('Control+Shift+O');
  await expect(page).toHaveURL(`${site}#/`);
});

test('from the models they lead to the other document', async ({ fakePage: page, site }) => {
  await open(page, site, 'models/');
  await page.keyboard.press('Control+,');
  await expect(page).toHaveURL(`${site}#/settings`);
});

test('on a layout without Latin letters the place of the key counts', async ({ fakePage: page, site }) => {
  await open(page, site, '#/settings');
  await press(page, { key: 'Щ', code: 'KeyO', ctrlKey: true, shiftKey: true });
  await expect(page).toHaveURL(`${site}#/`);
});

test('the map opens, names the keys, and keeps the keys to itself', async ({ fakePage: page, site }) => {
  await open(page, site, '#/settings');
  await page.keyboard.press('?');
  const entry = map(page).getByRole('definition').first();
  await expect(entry).toHaveText('CtrlShiftO');
  await page.keyboard.press('Control+Shift+O');
  await expect(page).toHaveURL(`${site}#/settings`);
  await page.keyboard.press('Escape');
  await expect(map(page)).toBeHidden();
  await page.keyboard.press('Control+/');
  await expect(map(page)).toBeVisible();
});

test('on an Apple computer the keys are its own', async ({ fakePage: page, site }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'platform', { value: 'MacIntel' }));
  await open(page, site, '#/settings');
  await page.reload();
  await started(page);
  await page.keyboard.press('Control+Shift+O');
  await page.keyboard.press('Control+/');
  await page.keyboard.press('Meta+/');
  await expect(map(page).getByRole('definition').first()).toHaveText('⌘Command⇧ShiftO');
  await expect(page).toHaveURL(`${site}#/settings`);
});

test('single characters do nothing while one types, and can be switched off', async ({ fakePage: page, site }) => {
  await open(page, site, '#/settings');
  await expect(page.getByRole('heading', { name: 'How words are chosen' })).toBeVisible(); // all that is shown there
  await page.evaluate(() => document.querySelector('main')?.append(document.createElement('textarea')));
  const field = page.getByRole('main').locator('textarea').last();
  await field.focus();
  await page.keyboard.press('?');
  await expect(field).toHaveValue('?');
  await expect(map(page)).toBeHidden();

  await field.blur();
  await page.keyboard.press('?');
  await map(page).getByRole('checkbox').uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await expect(map(page)).toBeHidden();
  await page.reload();
  await started(page);
  await page.keyboard.press('?');
  await page.keyboard.press('Control+/');
  await expect(map(page)).toHaveCount(1);
  await expect(map(page).getByRole('checkbox')).not.toBeChecked();
});
