// Pictures of the screens, kept with the results of each run: test-results/screenshots/. With MINKE_SCREENSHOTS=1 also those of
// the README.

import { join } from 'node:path';
import { root } from '../../../scripts/setup.mjs';
import { test } from './page';
import { screens } from './screens';

const WIDTHS = { 390: 844, 1280: 800 };
const THEMES = ['light', 'dark'] as const;
/** Which screen is which picture of the README. */
const README: Record<string, string> = { 'answer-light-1280': 'light.png', 'models-dark-1280': 'dark.png' };

test.use({ contextOptions: { reducedMotion: 'reduce' } });

for (const [name, show] of Object.entries(screens)) {
  for (const [width, height] of Object.entries(WIDTHS)) {
    test(`${name} at ${width} px`, async ({ fakePage: page, site }) => {
      await page.setViewportSize({ width: Number(width), height });
      await show({ page, site, language: 'en' });
      for (const theme of THEMES) {
        await page.emulateMedia({ colorScheme: theme });
        const picture = `${name}-${theme}-${width}`;
        const path = join(root, 'test-results/screenshots', `${picture}.png`);
        await page.screenshot({ path });
        const shown = README[picture];
        if (shown && process.env['MINKE_SCREENSHOTS']) {
          await page.screenshot({ path: join(root, 'web/app/screenshots', shown) });
        }
      }
    });
  }
}
