import { test } from '@playwright/test';
import { PlainServer } from './plain-server';
test('try', async ({ page }) => {
  const server = await new PlainServer().open();
  page.on('console', (m) => console.log('console', m.text().slice(0, 160)));
  page.on('pageerror', (m) => console.log('PAGEERROR', m));
  await page.goto(server.url + '#/privacy');
  await page.waitForFunction(() => navigator.serviceWorker.controller, undefined, { timeout: 10000 });
  console.log(await page.evaluate(() => crossOriginIsolated));
  await page.waitForTimeout(5000);
  console.log(await page.locator('tr').allInnerTexts(), await page.locator('.privacy-badge').innerText());
  await page.screenshot({ path: '/tmp/priv/a.png', fullPage: true });
  console.log(server.asked.join(' '));
});
