// Tabs that share one engine: see web/src/share.ts.

import type { Page } from '@playwright/test';
import type * as Minke from 'minke';
import { ask, type Ask, DRAWN, essence, fragile, type Heard, load, LONG, running, SHORT } from './alive';
import { expect, full, test } from './fixtures';
import { stall } from './hostile';

/** Asks in a tab; after so many chunks, `then` is called. */
async function cut(page: Page, request: Ask, chunks: number, then: () => unknown): Promise<Heard> {
  const name = `cut${Math.random()}`;
  await page.exposeFunction(name, then);
  return page.evaluate(
    ([request, chunks, name]) => {
      const then = () => (window as unknown as Record<string, () => void>)[name]?.();
      return window.alive.ask(request, { chunks, then });
    },
    [request, chunks, name] as const,
  );
}

/** How many workers each page has. */
const workers = (pages: Page[]) => Promise.all(pages.map(async (page) => (await running(page)).length));

/** Workers of a page, but for those that hash while a load goes on. */
async function engines(page: Page): Promise<number> {
  return (await running(page)).filter((name) => name !== 'minke-hashes').length;
}

test('tabs share one engine, whichever of them closes', async ({ app }): Promise<void> => {
  const { browser, open, crashes } = await fragile(app);
  const share = { share: true };
  const tabs: Page[] = [];
  const requests: string[] = [];
  for (let i = 0; i < 3; i++) {
    const page = await open();
    page.on('request', (request) => void (request.url().endsWith('.gguf') && requests.push(request.url())));
    tabs.push(page);
  }
  const [a, b, c] = tabs as [Page, Page, Page];
  const loads = load(a, share);
  await expect.poll(() => engines(a)).toBe(1);
  await Promise.all([loads, load(b, share), load(c, share)]);
  await expect.poll(() => workers(tabs)).toEqual([1, 0, 0]);

  // side by side, and as they were alone
  const [short, long, drawn] = [await ask(a, SHORT), await ask(a, LONG), await ask(a, DRAWN)];
  expect(essence(drawn)).toMatchObject({ roles: 1, ids: 1, finish: ['length'] });
  const right = async (replies: [Page, Ask, Heard][]) => {
    const heard = await Promise.all(replies.map(([page, request]) => ask(page, request)));
    expect(heard.map(essence)).toEqual(replies.map(([, , whole]) => essence(whole)));
  };
  await right([
    [a, SHORT, short],
    [b, DRAWN, drawn],
    [c, LONG, long],
  ]);

  // an abort is one tab's own
  const aborted = b.evaluate((request) => {
    const controller = new AbortController();
    const reply = window.alive.ask(
      { ...request, signal: controller.signal },
      { chunks: 3, then: () => controller.abort() },
    );
    return reply.then(
      () => 'whole',
      ({ name }: Error) => name,
    );
  }, DRAWN);
  await right([
    [a, SHORT, short],
    [c, DRAWN, drawn],
  ]);
  expect(await aborted).toBe('AbortError');

  // the leader closes in another's reply: that goes on, though the next in the queue has nothing to ask
  expect(essence(await cut(c, DRAWN, 10, () => a.close()))).toEqual(essence(drawn));
  await expect.poll(() => workers([b, c])).toEqual([0, 1]);
  await right([
    [b, LONG, long],
    [c, SHORT, short],
  ]);

  if (!full) return browser.close(); // each takeover loads the model again

  // a follower that closes frees the engine, and another goes on with its reply
  const freed = c.evaluate(() => window.alive.told<object>('freed'));
  let id = '';
  await b.exposeFunction('begun', (begun: string) => (id = begun));
  void b
    .evaluate(async (request) => {
      const stream = await window.alive.engine.chat.completions.create({ ...request, stream: true });
      let chunks = 0;
      for await (const chunk of stream)
        if (++chunks === 10) (window as unknown as { begun(id: string): void }).begun(chunk.id);
    }, DRAWN)
    .catch(() => {}); // it is closed
  await expect.poll(() => id).not.toBe('');
  await b.close();
  await freed;
  const resumed = await c.evaluate(async () => {
    const { engine, hear } = window.alive;
    const [first] = await engine.unfinished();
    return first && { id: first.id, heard: await hear(await engine.resume(first.id)) };
  });
  expect(resumed?.id).toBe(id);
  expect(essence({ ...(resumed?.heard as Heard), tokens: drawn.tokens })).toEqual(essence(drawn));

  // a crash in replies to all tabs
  const d = await open();
  await load(d, share);
  await expect.poll(() => workers([c, d])).toEqual([1, 0]);
  const crashed = cut(d, DRAWN, 10, () => c.evaluate(() => crash()));
  await right([
    [c, LONG, long],
    [d, SHORT, short],
  ]);
  expect(essence(await crashed)).toEqual(essence(drawn));
  expect(crashes()).toBe(1);
  await expect.poll(async () => (await workers([c, d])).toSorted()).toEqual([0, 1]);

  // the leader is disposed of in another's reply
  const [leader, follower] = (await engines(c)) === 1 ? [c, d] : [d, c];
  const dispose = () => leader.evaluate(() => window.alive.engine.dispose());
  expect(essence(await cut(follower, DRAWN, 10, dispose))).toEqual(essence(drawn));
  await expect.poll(() => workers([leader, follower])).toEqual([0, 1]);
  await right([[follower, SHORT, short]]);
  expect(requests.length).toBe(1);
  await browser.close();
});

test('who loads something else has an engine of its own, and who waits for one can leave', async ({
  app,
  context,
  server,
}) => {
  const { url } = server.serve(stall); // so that no load is done before it is aborted
  const begin = async (nCtx: number) => {
    const page = await context.newPage();
    await page.goto(app);
    const load = await page.evaluateHandle(
      ([model, nCtx]) => {
        const controller = new AbortController();
        const { signal } = controller;
        const end = window.minke.createEngine({ model, nCtx, share: true, signal }).then(
          () => 'loaded',
          ({ name, code }: Minke.EngineError) => `${name} ${code}`,
        );
        return { end: () => (controller.abort(), end) };
      },
      [url, nCtx] as const,
    );
    return { page, end: () => load.evaluate(({ end }) => end()) };
  };
  const first = await begin(64);
  await expect.poll(() => engines(first.page)).toBe(1);
  const [same, other] = [await begin(64), await begin(128)];
  await expect.poll(() => engines(other.page)).toBe(1);
  expect(await running(same.page)).toEqual([]);
  expect(await same.end()).toBe('AbortError aborted');
  expect(await other.end()).toBe('AbortError aborted');
  // whose turn it is then loads it
  const next = await begin(64);
  expect(await first.end()).toBe('AbortError aborted');
  await expect.poll(() => engines(next.page)).toBe(1);
  expect(await next.end()).toBe('AbortError aborted');
});
