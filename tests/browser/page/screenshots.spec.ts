// Pictures of the screens, kept with the results of each run: test-results/screenshots/. For scripts/screenshots.mjs also those
// of the README, in which the page is locked.

import { join } from 'node:path';
import { root } from '../../../scripts/setup.mjs';
import { badge, withFakeEngine } from './locked';
import { expect, test } from './page';
import { screens } from './screens';

const WIDTHS = { 390: 844, 1280: 800 };
const THEMES = ['light', 'dark'] as const;
test.use({ contextOptions: { reducedMotion: 'reduce' } });

for (const [name, show] of Object.entries(screens)) {
  for (const [width, height] of Object.entries(WIDTHS)) {
    test(`${name} at ${width} px`, async ({ fakePage: page, site }) => {
      await page.setViewportSize({ width: Number(width), height });
      await show({ page, site, language: 'en' });
      for (const theme of THEMES) {
        await page.emulateMedia({ colorScheme: theme });
        await page.screenshot({ path: join(root, 'test-results/screenshots', `${name}-${theme}-${width}.png`) });
      }
    });
  }
}

if (process.env['MINKE_SCREENSHOTS']) {
  test('the pictures of the README', async ({ browser, site }) => {
    const context = await browser.newContext({ serviceWorkers: 'allow', viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await withFakeEngine(page);
    await page.goto(site);
    await expect(badge(page)).toHaveText('Nothing can leave this page');
    for (const [name, theme] of [
      ['answer', 'light'],
      ['models', 'dark'],
    ] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await screens[name]?.({ page, site, language: 'en' });
      if (name === 'answer') await expect(badge(page)).toHaveText('Nothing can leave this page');
      await page.screenshot({ path: join(root, 'web/app/screenshots', `${name}.png`) });
    }
    await context.close();
  });
}
