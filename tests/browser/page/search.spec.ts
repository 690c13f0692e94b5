// Search over the conversations, and how fast it and their list are.

import { loadavg } from 'node:os';
import type { Page } from '@playwright/test';
import { expect, open, test } from './page';
import { daysAgo, entry, manyConversations, search, seed } from './seed';

test('search finds words in titles and messages, whatever their case, accents and script', async ({
  fakePage: page,
}) => {
  await seed(page, [
    {
      id: 'french',
      title: 'Le CAFÉ',
      updated: daysAgo(1),
      turns: ['Où est le théâtre ?', 'Juste après <b>la gare</b>.'],
    },
    { id: 'chinese', updated: daysAgo(2), turns: ['天空为什么是蓝色的？', '因为瑞利散射。'] },
    { id: 'hindi', updated: daysAgo(3), turns: ['आसमान नीला क्यों है?', 'प्रकाश का प्रकीर्णन'] },
    { id: 'arabic', updated: daysAgo(4), turns: ['لماذا السَّماء زرقاء؟', 'بسبب تشتت أشعة الضوء'] },
  ]);
  const options = page.getByRole('option');
  await page.keyboard.press('Control+k');
  await expect(options).toHaveCount(4); // the last ones, until one types
  const finds: [query: string, id: string, marked: string][] = [
    ['cafe', 'Le CAFÉ', 'CAFÉ'],
    ['THEATRE', 'Le CAFÉ', 'théâtre'],
    ['<B>la  gare', 'Le CAFÉ', '<b>la gare'],
    ['为什么', 'chinese', '为什么'],
    ['नीला', 'hindi', 'नीला'],
    ['السماء', 'arabic', 'السَّماء'],
    ['اشعة', 'arabic', 'أشعة'],
  ];
  for (const [query, title, marked] of finds) {
    await search(page, query);
    await expect(options).toHaveCount(1);
    await expect(options).toContainText(title);
    await expect(options.locator('mark').first()).toHaveText(marked);
  }
  for (const query of ['theatres', 'नल', '.*', '[']) {
    await search(page, query);
    await expect(page.getByRole('dialog').getByRole('status')).toHaveText(`Nothing here has “${query}”.`);
    await expect(options).toHaveCount(0);
  }
});

test('a result is chosen with the arrow keys, and opens at its message', async ({ fakePage: page }) => {
  await seed(page, [
    { id: 'first', turns: ['one whale', 'x'] },
    { id: 'second', updated: daysAgo(1), turns: ['x', 'two whales'] },
  ]);
  await search(page, 'whale');
  await expect(page.getByRole('option')).toHaveCount(2);
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('option', { name: 'second' })).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeHidden();
  expect(new URL(page.url()).hash).toBe('#/c/second/second-1');
  await expect(entry(page, 'second')).toHaveAttribute('aria-current', 'page');
});

const median = (all: number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] as number;
const told = (all: number[]): string => all.map((time) => time.toFixed(0)).join(', ');

/** Notes when the first conversation was painted, in milliseconds from the navigation on. */
function noteListTime(): void {
  const observer = new MutationObserver(() => {
    if (!document.querySelector('.row')) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => Object.assign(window, { listTime: performance.now() })));
  });
  observer.observe(document, { childList: true, subtree: true });
}

/** Types queries, the first one as soon as the search is there; the milliseconds until each is answered. */
async function searchTimes(queries: [query: string, answer: string][]): Promise<number[]> {
  const until = (is: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => is() && (observer.disconnect(), resolve());
      const observer = new MutationObserver(look);
      observer.observe(document, { childList: true, subtree: true, characterData: true });
      look();
    });
  const field = () => document.querySelector<HTMLInputElement>('[role=combobox]');
  dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }));
  await until(() => field() !== null);
  const times: number[] = [];
  for (const [query, answer] of queries) {
    const start = performance.now();
    Object.assign(field() as HTMLInputElement, { value: query });
    field()?.dispatchEvent(new InputEvent('input', { bubbles: true }));
    await until(() => document.querySelector('dialog')?.textContent?.includes(answer) ?? false);
    times.push(performance.now() - start);
  }
  return times;
}

/** Some that are found once, some often and some not at all, each with what is then said. */
const QUERIES: [query: string, answer: string][] = [
  ['a needle in', '1 conversation has it.'],
  ['zebra', 'Nothing here has “zebra”.'],
  ['SCATTERS  more', 'These are the last 50.'],
  ['naive CAFE cafe why', '1 conversation has it.'],
  ['conversation 997', 'Conversation 997 about'],
];

test('1,000 conversations: the list opens within 300 ms, search answers within 200 ms', async ({
  fakePage: page,
  site,
}) => {
  const many = manyConversations();
  many.at(-1)?.turns?.splice(9, 1, 'There was a needle in the haystack.');
  await seed(page, many);
  await page.addInitScript(noteListTime);
  // A busy machine only ever adds to these times, so it has three attempts
  for (let attempt = 1; ; attempt++) {
    const { list, first, later } = await measured(page, site);
    const medians = { list: median(list), first: median(first), later: median(later) };
    console.log(
      `list: ${told(list)} ms; first search: ${told(first)} ms; later: ${told(later)} ms; load: ${loadavg()[0]}`,
    );
    if (medians.list < 300 && medians.first < 200 && medians.later < 200) return;
    expect(attempt, JSON.stringify(medians)).toBeLessThan(3);
  }
});

/** The times of five visits, in milliseconds. */
async function measured(page: Page, site: string): Promise<Record<'list' | 'first' | 'later', number[]>> {
  const list: number[] = [];
  const first: number[] = [];
  const later: number[] = [];
  for (let run = 0; run < 5; run++) {
    await open(page, site, `?run=${run}`);
    const noted = await page.waitForFunction(() => (window as { listTime?: number }).listTime);
    list.push(Number(await noted.jsonValue()));
    const [one = NaN, ...others] = await page.evaluate(searchTimes, QUERIES);
    first.push(one);
    later.push(...others);
  }
  return { list, first, later };
}
