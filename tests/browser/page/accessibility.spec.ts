// Whether everyone can use the app: axe, and what axe does not look at, on each screen, light and dark, both ways of writing.

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from './page';
import { screens } from './screens';
import { smallTargets, tooWide, walk } from './usable';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary ?? ''}`),
  );
}

/** What comes true once the page has taken a change of its size over. */
const soon = expect.configure({ soft: true, timeout: 5000 }).poll;

test.use({ contextOptions: { reducedMotion: 'reduce' } });

for (const [name, show] of Object.entries(screens)) {
  for (const language of ['en', 'ar'] as const) {
    test(`${name}, ${language}`, async ({ fakePage: page, site }) => {
      await show({ page, site, language });
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect.soft(await violations(page), colorScheme).toEqual([]);
      }
      expect.soft(await smallTargets(page), 'targets of 24 px').toEqual([]);
      expect.soft(await walk(page), 'by Tab').toEqual([]);
      await page.setViewportSize({ width: 320, height: 640 });
      await soon(() => tooWide(page), 'at 320 px').toEqual([]);
    });
  }
}

test('each check finds what is planted for it', async ({ fakePage: page, site }) => {
  await page.goto(site);
  await page.evaluate(() => {
    const plant = (tag: string, style: string) => {
      const element = document.createElement(tag);
      element.style.cssText = style;
      document.body.append(element);
      return element;
    };
    plant('button', 'inline-size: 2000px; block-size: 10px; outline: none').className = 'planted';
    plant('button', '').addEventListener('keydown', (event) => event.preventDefault());
    plant('button', '').textContent = 'after';
  });
  expect(await violations(page)).toContainEqual(expect.stringMatching(/^button-name: .planted/));
  expect(await smallTargets(page)).toContainEqual(expect.stringContaining('planted'));
  const found = await walk(page);
  expect(found).toContain('Tab does not come round');
  expect(found).toContainEqual(expect.stringMatching(/^Tab does not come to .* after$/));
  expect(found).toContainEqual(expect.stringMatching(/^the focus is not seen on .*planted/));
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await tooWide(page)).toContainEqual(expect.stringMatching(/planted.* is outside$/));
});
