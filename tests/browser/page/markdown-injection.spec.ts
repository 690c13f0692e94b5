// Texts that try to get a script, a request or a foreign element into the page, in the app's own component under its own policy.

import type { Page } from '@playwright/test';
import { injections } from './markdown/injections';
import { expect, test } from './markdown/page';

const COUNT = 10_000;
const BATCH = 250;

declare global {
  var hits: number;
  function hit(): void;
}

/** Marks scripts that run, and what the policy had to stop: nothing should even get to it. */
const watch = (page: Page) =>
  page.evaluate(() => {
    globalThis.hits = 0;
    document.querySelector('main')?.style.setProperty('display', 'none');
    globalThis.hit = () => void globalThis.hits++;
    addEventListener('securitypolicyviolation', globalThis.hit);
  });

/** Shows texts, grown by one letter in each of some steps; waits until what comes last in the queues is done: a formula and code. */
const show = (page: Page, texts: string[], streamed: number) =>
  page.evaluate(
    async ([texts, streamed]) => {
      const found: string[] = [];
      for (let missing = streamed; missing > 0; missing--) {
        markdown.show(
          texts.map((text) => text.slice(0, -missing)),
          0,
        );
        await new Promise(requestAnimationFrame);
        found.push(...markdown.unexpected());
      }
      markdown.show([...texts, '\\(last\\)\n\n```js\n1\n```\n']);
      const done = (of: string) => document.querySelector(`article:last-child ${of}`);
      while (!done('.formula') || !done('.hljs-number')) await new Promise(requestAnimationFrame);
      found.push(...markdown.unexpected());
      markdown.show([]);
      return found;
    },
    [texts, streamed] as const,
  );

test(`${COUNT} injections: no script, no request, no unexpected element`, async ({ texts: page, address }) => {
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(`${address}assets/`)) foreign.push(request.url());
  });
  page.on('popup', (popup) => foreign.push(popup.url()));
  await watch(page);
  const all = injections(COUNT);
  const found: string[] = [];
  for (let from = 0; from < COUNT; from += BATCH) {
    const streamed = from % (8 * BATCH) === 0 ? 12 : 0;
    found.push(...(await show(page, all.slice(from, from + BATCH), streamed)));
  }
  expect([...new Set(found)]).toEqual([]);
  expect(foreign).toEqual([]);
  expect(await page.evaluate(() => globalThis.hits)).toBe(0);
});

test('what must not be there is found where it is', async ({ texts: page }) => {
  const planted = [
    ['script'],
    ['img'],
    ['iframe'],
    ['form'],
    ['p', 'contenteditable', 'true'],
    ['p', 'id', 'app'],
    ['a', 'href', 'javascript:hit()'],
    ['a', 'href', 'relative'],
    ['a', 'target', '_top'],
    ['a', 'ping', 'http://evil.invalid/'],
    ['input', 'type', 'image'],
    ['button', 'formaction', 'http://evil.invalid/'],
    ['path', 'href', 'http://evil.invalid/'],
  ];
  const found = await page.evaluate((planted) => {
    const main = document.querySelector('main') as Element;
    return planted.map(([name = '', attribute, value = '']) => {
      const element = document.createElement(name);
      if (attribute) element.setAttribute(attribute, value);
      main.append(element);
      const faults = markdown.unexpected();
      element.remove();
      return faults.length;
    });
  }, planted);
  expect(found).toEqual(planted.map(() => 1));
});

test('what only the policy stops is noticed', async ({ page, address }) => {
  await page.goto(address);
  await page.waitForFunction(() => 'markdown' in globalThis);
  await watch(page);
  await page.evaluate(() => {
    const image = document.createElement('img');
    image.src = 'http://evil.invalid/x.png';
    document.body.append(image);
  });
  await page.waitForFunction(() => globalThis.hits === 1); // the policy stopped it, and that is counted
});
