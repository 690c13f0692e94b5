// Replies that are cut off by a reload, and pages that are frozen.

import type { Browser, Page } from '@playwright/test';
import {
  alive,
  ask,
  type Ask,
  DRAWN,
  essence,
  type Heard,
  load,
  LONG,
  MODEL,
  prepare,
  say,
  SHORT,
  tuning,
} from './alive';
import { expect, full, test } from './fixtures';

const GREEDY = say('word '.repeat(30), { max_tokens: 60 });

/** The journals that are there, by their names. */
const journals = (page: Page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('minke-replies', { create: true });
    const texts: Record<string, string> = {};
    for await (const [name, file] of folder as unknown as AsyncIterable<[string, FileSystemFileHandle]>)
      texts[name] = await file.getFile().then(
        (file) => file.text(),
        () => 'deleted meanwhile',
      );
    return texts;
  });

const write = (page: Page, name: string, text: string) =>
  page.evaluate(
    async ([name, text]) => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle('minke-replies', { create: true });
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(text);
      await writable.close();
    },
    [name, text] as const,
  );

const unfinished = (page: Page) => page.evaluate(() => window.alive.engine.unfinished());

/** Goes on with a reply; the code of what is wrong with that. */
const resume = (page: Page, id: string): Promise<Heard | string> =>
  page.evaluate((id) => {
    const { engine, hear } = window.alive;
    const resumed = engine.resume(id, { stream_options: { include_usage: true } });
    return resumed.then(hear, ({ code }: { code: string }) => code);
  }, id);

/** Begins a reply, or goes on with one, and resolves when so many chunks were heard and some of it is written; with its id. */
const begin = (page: Page, request: Ask | string, chunks: number) =>
  page.evaluate(
    ([request, chunks]) =>
      new Promise<string>((resolve) => {
        const { engine } = window.alive;
        void (async () => {
          const stream = await (typeof request === 'string'
            ? engine.resume(request)
            : engine.chat.completions.create({ ...request, stream: true }));
          const begun = performance.now();
          let heard = 0;
          for await (const { id } of stream) if (++heard >= chunks && performance.now() - begun > 700) resolve(id);
        })();
      }),
    [request, chunks] as const,
  );

/** The same text, all of it, once; resumed streams tell no usage. */
const same = (heard: Heard | string, whole: Heard) =>
  expect(typeof heard === 'string' ? heard : essence({ ...heard, tokens: whole.tokens })).toEqual(essence(whole));

test('a reply that was cut off goes on after a reload, with all that there was of it', async ({ page, app }) => {
  await prepare(page.context());
  await page.goto(app);
  await load(page);
  const [greedy, drawn] = [await ask(page, GREEDY), await ask(page, DRAWN)];
  await expect.poll(() => journals(page)).toEqual({});

  // aborted, broken out of and refused: nothing is left
  await page.evaluate(async (request) => {
    const { engine, ask } = window.alive;
    const controller = new AbortController();
    const { signal } = controller;
    await ask({ ...request, signal }, { chunks: 5, then: () => controller.abort() }).catch(() => {});
    let chunks = 0;
    for await (const { id } of await engine.chat.completions.create({ ...request, stream: true }))
      if (id && ++chunks === 5) break;
    await ask({ ...request, messages: [{ role: 'user', content: 'w'.repeat(1000) }] }).catch(() => {});
  }, DRAWN);
  await expect.poll(() => journals(page)).toEqual({});

  // reloaded, then closed in what it went on with
  const id = await begin(page, DRAWN, 10);
  await page.reload();
  const [[name, text] = ['', '']] = Object.entries(await journals(page));
  expect(name).toBe(id);
  await load(page);
  const seconds = Date.now() / 1000;
  expect(await unfinished(page)).toEqual([{ id, created: expect.any(Number) as unknown }]);
  expect(Math.abs(seconds - ((await unfinished(page))[0]?.created ?? 0))).toBeLessThan(300);
  await begin(page, id, 15);
  await page.close();

  const next = await page.context().newPage();
  await next.goto(app);
  await load(next);
  expect((await unfinished(next)).map(({ id }) => id)).toEqual([id]);
  const resumed = await resume(next, id);
  same(resumed, drawn);
  expect(resumed).toMatchObject({ ids: [id], tokens: drawn.tokens });
  expect(await unfinished(next)).toEqual([]);
  expect(await journals(next)).toEqual({});
  expect(await resume(next, id)).toBe('not_kept');

  // greedy; as it would be after a reload
  const begun = await begin(next, GREEDY, 20);
  const copy = (await journals(next))[begun] ?? '';
  await expect.poll(() => journals(next)).toEqual({});
  await write(next, 'greedy', copy);
  same(await resume(next, 'greedy'), greedy);

  // a last line that was cut off or spoilt, a cut between lines, and a first line that cannot be read
  const lines = text.split('\n').slice(0, -1);
  expect(lines.length).toBeGreaterThan(1);
  const [first = '', ...others] = lines;
  const spoilt = { cut: text.slice(0, -3), bad: `${text}{"tokens":[1,2}\n{"tokens":[3]}\n`, short: `${first}\n` };
  for (const [name, text] of Object.entries(spoilt)) {
    await write(next, name, text);
    same(await resume(next, name), drawn);
  }
  for (const text of ['', first.slice(0, -3), `no line\n${others.join('\n')}`]) {
    await write(next, 'nothing', text);
    expect(await resume(next, 'nothing')).toBe('not_kept');
  }
  for (const hostile of ['', '.', '..', '../x', 'a/b', 'a\\b', '\0', 'x'.repeat(10_000)])
    expect(await resume(next, hostile), hostile.slice(0, 9)).toBe('not_kept');
  // what nobody comes back for is deleted
  const old = JSON.parse(first) as { created: number };
  await write(next, 'old', `${JSON.stringify({ ...old, created: old.created - 8 * 86_400 })}\n`);
  await write(next, 'new', text);
  expect((await unfinished(next)).map(({ id }) => id)).toEqual(['new']);
  expect(Object.keys(await journals(next))).toEqual(['new']);
});

test('a page without a store answers', async ({ page, app }) => {
  test.skip(!full, 'only in full runs');
  await prepare(page);
  await page.goto(app);
  await load(
    page,
    {},
    `StorageManager.prototype.getDirectory = async () => { throw new DOMException('no', 'SecurityError') };`,
  );
  const [short, drawn] = [await ask(page, SHORT), await ask(page, DRAWN)];
  expect(short.finish).toEqual(['length']);
  expect(await unfinished(page)).toEqual([]);
  expect(await resume(page, 'x')).toBe('not_kept');
  same(await ask(page, DRAWN), drawn);
});

/**
 * A page that Playwright does not know of, as which it would never be hidden: what is evaluated in it, and what its devtools
 * are told.
 */
async function unseen(browser: Browser, url: string) {
  const devtools = await browser.newBrowserCDPSession();
  const { targetId } = await devtools.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await devtools.send('Target.attachToTarget', { targetId, flatten: false });
  const waiting: ((answer: { result?: { result?: { value?: unknown } } }) => void)[] = [];
  devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
    const answer = JSON.parse(message) as { id?: number };
    if (answer.id !== undefined) waiting[answer.id]?.(answer as object);
  });
  const send = (method: string, params: object = {}) => {
    const answer = new Promise<{ result?: { result?: { value?: unknown } } }>((resolve) => waiting.push(resolve));
    const message = JSON.stringify({ id: waiting.length - 1, method, params });
    return devtools.send('Target.sendMessageToTarget', { sessionId, message }).then(() => answer);
  };
  const evaluate = async (expression: string) => {
    const { result } = await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    return result?.result?.value;
  };
  await send('Page.enable');
  await send('Page.addScriptToEvaluateOnNewDocument', { source: `(${String(alive)})()` });
  await send('Page.navigate', { url });
  await expect.poll(() => evaluate('typeof window.minke')).toBe('object');
  return { send, evaluate, close: () => devtools.send('Target.closeTarget', { targetId }) };
}

test('a page that is frozen in the middle of a reply goes on with it', async ({ browser, app }) => {
  test.skip(!full, 'only in full runs');
  const { send, evaluate, close } = await unseen(browser, app);
  await evaluate(`window.alive.load('', ${JSON.stringify({ model: MODEL, tuning })})`);
  const [request, other] = [JSON.stringify(DRAWN), JSON.stringify(LONG)];
  const drawn = (await evaluate(`window.alive.ask(${request})`)) as Heard;
  expect(drawn.finish).toEqual(['length']);
  await evaluate(`
    window.states = [];
    for (const state of ['freeze', 'resume']) document.addEventListener(state, () => window.states.push(state));
    window.chunks = 0;
    const { engine, hear } = window.alive;
    const streams = engine.chat.completions.create({ ...${request}, stream: true });
    window.reply = streams.then((stream) => hear(stream, (chunks) => (window.chunks = chunks)));
    0`);
  await expect.poll(() => evaluate('window.chunks')).toBeGreaterThan(5);
  await send('Page.setWebLifecycleState', { state: 'frozen' });
  const frozen = await evaluate('window.chunks');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await evaluate('window.chunks')).toBe(frozen);
  await send('Page.setWebLifecycleState', { state: 'active' });
  expect(frozen).toBeLessThan(drawn.chunks);
  same((await evaluate('window.reply')) as Heard, drawn);
  expect(await evaluate('window.states')).toEqual(['freeze', 'resume']);
  // what it let go of is computed again
  await evaluate(`window.alive.ask(${other})`);
  same((await evaluate(`window.alive.ask(${request})`)) as Heard, drawn);
  await close();
});
