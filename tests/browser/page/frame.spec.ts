// What is around the screens.

import { expect, open, test } from './page';

test('each document of the app opens, in the language of the browser', async ({ fakePage: page, site }) => {
  for (const path of ['', 'models/', 'server/', '#/settings', '#/privacy']) {
    await open(page, site, path);
    await expect(page.locator('#app')).not.toBeEmpty();
    await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  }
});
