// How long a streamed answer keeps the page busy: the script of each task, in the processor time of the page's main thread, which
// other work on the machine does not change.

import type { Browser, Page } from '@playwright/test';
import { expect, test } from './markdown/page';
import { r1Answer } from './r1-answer';

/** The longest task of script that is allowed. */
const LONGEST = 16;
/** Letters a time: five tokens, which are 50 ms of a model that gives 100 in a second. */
const LETTERS = 20;
const SCRIPT = new Set([
  'FunctionCall',
  'v8.callFunction',
  'v8.evaluateModule',
  'EvaluateScript',
  'v8.compile',
  'RunMicrotasks',
]);

interface TraceEvent {
  name: string;
  ph: string;
  tid: number;
  pid: number;
  ts: number;
  dur?: number;
  tdur?: number;
}

/** Milliseconds of a task of the main thread: of script, and with layout and painting. */
interface Task {
  script: number;
  all: number;
}

/** The tasks while something is done. */
async function tasks(browser: Browser, page: Page, act: () => Promise<unknown>): Promise<Task[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'v8'] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const own = traceEvents.find(({ name }) => name === 'FireAnimationFrame');
  const events = traceEvents
    .filter(({ ph, pid, tid }) => ph === 'X' && pid === own?.pid && tid === own.tid)
    .sort((a, b) => a.ts - b.ts);
  const found: Task[] = [];
  const ends = { task: 0, script: 0 }; // of what has been counted: events lie within each other
  for (const { name, ts, dur = 0, tdur = 0 } of events) {
    if (name.endsWith('RunTask') && ts >= ends.task) {
      found.push({ script: 0, all: tdur / 1000 });
      ends.task = ts + dur;
    } else if (SCRIPT.has(name) && ts >= ends.script) {
      const task = found.at(-1);
      if (task) task.script += tdur / 1000;
      ends.script = ts + dur;
    }
  }
  return found;
}

/** Streams an answer: reasoning, then the answer proper, so many letters a time. */
const stream = (page: Page, texts: string[], letters: number) =>
  page.evaluate(
    async ([texts, letters]) => {
      const { port1, port2 } = new MessageChannel();
      const turn = () =>
        new Promise((resolve) => {
          port1.onmessage = resolve;
          port2.postMessage(0);
        });
      const past: string[] = [];
      for (const text of texts) {
        for (let length = 0; length < text.length; length += letters) {
          markdown.show([...past, text.slice(0, length)], past.length);
          await turn();
        }
        past.push(text);
      }
      markdown.show(past);
      while (document.querySelector('.formula-source')) await new Promise(requestAnimationFrame);
    },
    [texts, letters] as const,
  );

const median = (all: number[]): number => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;

const loaded = async (page: Page, address: string) => {
  await page.goto(address);
  await page.waitForFunction(() => 'markdown' in globalThis);
};

test('an answer of 25 kB streams in tasks of less than 16 ms of script', async ({ texts: page, address, browser }) => {
  const longest: number[] = [];
  for (const seed of [1, 2, 3]) {
    const { reasoning, answer } = r1Answer(seed);
    await loaded(page, address); // KaTeX and the highlighter are loaded each time
    const all = await tasks(browser, page, () => stream(page, [reasoning, answer], LETTERS));
    const script = all.map(({ script }) => script);
    expect(script.reduce((sum, ms) => sum + ms)).toBeGreaterThan(100); // it is measured at all
    longest.push(Math.max(...script));
  }
  console.log(`longest tasks of script: ${longest.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  expect(median(longest)).toBeLessThan(LONGEST);
});

test('a long task of script would be noticed', async ({ texts: page, browser }) => {
  const all = await tasks(browser, page, () =>
    page.evaluate(async () => {
      await new Promise(requestAnimationFrame);
      setTimeout(() => {
        const end = performance.now() + 100;
        while (performance.now() < end);
      });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }),
  );
  expect(Math.max(...all.map(({ script }) => script))).toBeGreaterThan(LONGEST);
});

test('five answers of 25 kB scroll without a task of more than 50 ms', async ({ texts: page, browser }) => {
  const texts = [1, 2, 3, 4, 5].map(r1Answer).flatMap(({ reasoning, answer }) => [reasoning, answer]);
  await page.evaluate(async (texts) => {
    markdown.show(texts);
    await new Promise(requestAnimationFrame);
    while (document.querySelector('.formula-source')) await new Promise(requestAnimationFrame);
  }, texts);
  await page.mouse.move(300, 300);
  const all = await tasks(browser, page, async () => {
    for (let count = 0; count < 40; count++) {
      await page.mouse.wheel(0, 900);
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
  });
  expect(await page.evaluate(() => scrollY)).toBeGreaterThan(20_000);
  const long = all.filter(({ all }) => all > 50).length;
  console.log(
    `longest task: ${Math.max(...all.map(({ all }) => all)).toFixed(1)} ms of processor time; over 50 ms: ${long}`,
  );
  expect(long).toBe(0);
});
