// How long a streamed answer keeps the page busy: the script of each task, in the processor time of the page's main thread, which
// other work on the machine does not change.

import type { Browser, Page } from '@playwright/test';
import { expect, test } from './markdown/page';
import { r1Answer } from './r1-answer';

const SCRIPT = new Set(['FunctionCall', 'EvaluateScript', 'v8.compile', 'RunMicrotasks', 'FireAnimationFrame', 'TimerFire']);

interface TraceEvent {
  name: string;
  ph: string;
  tid: number;
  pid: number;
  ts: number;
  dur?: number;
  tdur?: number;
}

/** Milliseconds of script in each task of the main thread while something is done. */
async function scriptTimes(browser: Browser, page: Page, act: () => Promise<unknown>): Promise<number[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'v8'] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const events = traceEvents.filter(({ ph, dur }) => ph === 'X' && dur !== undefined).sort((a, b) => a.ts - b.ts);
  const own = events.find(({ name }) => name === 'FireAnimationFrame');
  const times: number[] = [];
  let end = 0; // of the script that has been counted
  let task = 0;
  for (const { name, pid, tid, ts, dur = 0, tdur = 0 } of events) {
    if (pid !== own?.pid || tid !== own.tid) continue;
    if (name.endsWith('RunTask') && ts >= task) {
      times.push(0);
      task = ts + dur;
    } else if (SCRIPT.has(name) && ts >= end) {
      times.push((times.pop() ?? 0) + tdur / 1000);
      end = ts + dur;
    }
  }
  return times;
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
          markdown.show([...past, text.slice(0, length)], true);
          await turn();
        }
        past.push(text);
      }
      markdown.show(past);
      while (document.querySelector('.formula-source')) await new Promise(requestAnimationFrame);
    },
    [texts, letters] as const,
  );

test('perf', async ({ texts: page, browser }) => {
  for (const seed of [1, 2, 3]) {
    const { reasoning, answer } = r1Answer(seed);
    await page.reload();
    await page.waitForFunction(() => 'markdown' in globalThis);
    const start = Date.now();
    const times = await scriptTimes(browser, page, () => stream(page, [reasoning, answer], 20));
    times.sort((a, b) => b - a);
    console.log(seed, Date.now() - start, times.length, times.slice(0, 12).map((t) => t.toFixed(1)), await page.locator('.formula').count(), await page.evaluate(() => [...document.querySelectorAll('.formula-source')].map(e=>e.textContent)));
  }
  expect(1).toBe(1);
});
