// What is around the screens.

import { expect, open, test } from './page';

test('each document of the app opens, in the language of the browser', async ({ fakePage: page, site }) => {
  for (const path of ['', 'models/', 'server/', '#/settings', '#/privacy']) {
    await open(page, site, path);
    await expect(page.locator('#app')).not.toBeEmpty();
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  }
});

test('on a wide screen the side can be put away, which is remembered', async ({ fakePage: page }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  const side = page.getByRole('navigation', { name: 'Conversations' });
  const toggle = page.getByRole('button', { name: 'Show or hide the conversations' });
  await expect(side).toBeVisible();
  await expect(toggle).toHaveAttribute('aria-expanded', 'true');
  await toggle.click();
  await expect(side).toBeHidden();
  await page.reload();
  await expect(toggle).toHaveAttribute('aria-expanded', 'false');
  await expect(side).toBeHidden();
  await toggle.click();
  await page.reload();
  await expect(side).toBeVisible();
});

test('on a narrow screen the side lies over it, has the focus and gives it back', async ({ fakePage: page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const side = page.getByRole('navigation', { name: 'Conversations' });
  const toggle = page.locator('#side');
  await expect(side).toBeHidden();

  await toggle.click();
  await expect(side).toBeVisible();
  await expect(side.getByRole('link', { name: 'Minke' })).toBeFocused();
  await expect(page.locator('.page')).toHaveAttribute('inert');
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.closest('.page'))).toBeNull();
  }
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Escape');
  await expect(side).toBeHidden();
  await expect(toggle).toBeFocused();

  await toggle.click();
  await page.mouse.click(380, 400);
  await expect(side).toBeHidden();

  await toggle.click();
  await side.getByRole('link', { name: 'Settings' }).click();
  await expect(side).toBeHidden();
  expect(page.url()).toContain('#/settings');

  await toggle.click();
  await page.setViewportSize({ width: 1280, height: 800 });
  await expect(page.locator('.page')).not.toHaveAttribute('inert');
});

test('the screen that is shown is marked at the side', async ({ fakePage: page }) => {
  const side = page.getByRole('navigation', { name: 'Conversations' });
  for (const name of ['Privacy', 'Settings', 'New chat']) {
    await side.getByRole('link', { name }).click();
    await expect(side.locator('[aria-current=page]')).toHaveText(name);
  }
});
