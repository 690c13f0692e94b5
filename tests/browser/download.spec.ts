// Downloads from a hostile server, into a browser that is killed, full, offline or shared by tabs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import type * as Minke from 'minke';
import { parse, write } from '../../scripts/gguf.mjs';
import { chromiumArgs, chromium as chromiumPath, root } from '../../scripts/setup.mjs';
import { pooled, printTable, type Row } from './faults';
import * as faults from './faults';
import { expect, full, SMOLLM2, test } from './fixtures';
import * as hostile from './hostile';
import { AT_MOST, largeModel, model, numbers, PIECE, right, type Session, sha256, smallModel } from './hostile';

declare global {
  interface Window {
    /** Names of workers, as they come over a channel. */
    digests: string[];
    channel?: BroadcastChannel;
  }
}

/** The package's worker, in a scope that `changes` has changed. */
const changed = (changes: string) =>
  `import ${JSON.stringify(`data:text/javascript,${encodeURIComponent(changes)}`)}; import WORKER;`;

/** How much faster time goes in {@link hasty}. */
const HASTE = 10;
/** A clock that goes faster: what is given up after 45 s is given up after 4.5. */
const hasty = changed(`
  const { now } = Performance.prototype;
  Performance.prototype.now = function () { return ${HASTE} * now.call(this); };
  const wait = setTimeout;
  self.setTimeout = (work, milliseconds, ...given) => wait(work, milliseconds / ${HASTE}, ...given);`);

const smollm2 = () => readFileSync(join(root, '.cache', SMOLLM2));

/** What came of a download. */
interface Outcome {
  /** `verified`, or the error's code. */
  code: string;
  message: string;
  sha256: string | null;
  progress: Minke.LoadProgress[];
}

/** Downloads in the page; `script` is the worker's. */
function download(page: Page, options: Minke.LoadOptions, script = ''): Promise<Outcome> {
  return page.evaluate(
    async ([options, script]) => {
      const text = script.replace('WORKER', JSON.stringify(new URL('dist/worker.js', location.href)));
      const workerUrl = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
      const progress: Minke.LoadProgress[] = [];
      const onProgress = (event: Minke.LoadProgress) => void progress.push(event);
      const given = { ...options, ...(script && { workerUrl }), onProgress };
      return window.minke.downloadModel(given).then(
        ({ files, complete }) => ({
          code: complete ? 'verified' : 'incomplete',
          message: '',
          sha256: files[0]?.sha256 ?? null,
          progress,
        }),
        ({ code, message }: Minke.EngineError) => ({ code, message, sha256: null, progress }),
      );
    },
    [options, script] as const,
  );
}

const listed = (page: Page) => page.evaluate(() => window.minke.listModels());

/** What is kept of a session's model. */
async function kept(page: Page, { url }: Session): Promise<Minke.KeptModel | undefined> {
  return (await listed(page)).find((model) => model.url === url);
}

/** Empties the store, whose room is limited. */
const clear = (page: Page) =>
  page.evaluate(async () => (await navigator.storage.getDirectory()).removeEntry('minke', { recursive: true }));

/** A browser with a profile on the disk, as people have: what is not one is a private window. */
async function withProfile(use: (context: BrowserContext) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'minke-profile-'));
  const launch = { executablePath: chromiumPath(), args: chromiumArgs('swiftshader') };
  const context = await chromium.launchPersistentContext(folder, launch);
  try {
    await use(context);
  } finally {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a download that is cut at any byte ends verified', async ({ page, app, server }) => {
  const file = full ? largeModel() : smallModel();
  const hash = sha256(file);
  const random = numbers(18);
  const cuts = Array.from({ length: 50 }, () => random() % file.length);
  await page.goto(app);
  const rows = await pooled(4, cuts, async (at) => {
    const session = server.serve(hostile.cut(at), { file });
    const { code, sha256 } = await download(page, { model: session.url });
    return { session, row: [`cut at byte ${at}`, sha256 === hash ? code : `${code}, of other bytes`] };
  });
  printTable(rows);
  await clear(page);
  for (const { session, row } of rows) {
    expect(row[1], row[0]).toBe('verified');
    expect(session.again, row[0]).toBeLessThanOrEqual(PIECE);
  }
});

test('whatever a server does, a download ends verified or in an error that says what to do', async ({
  page,
  app,
  server,
}) => {
  await page.goto(app);
  const cases = faults.cases(server);
  const rows = await pooled(4, cases, async ({ name, session, known, expected, most, hash }) => {
    const model = known ? { url: session.url, ...known } : session.url;
    const { code, message, sha256 } = await download(page, { model }, hasty);
    const wrong = code === 'verified' && sha256 !== hash() ? ', of other bytes' : '';
    return { session, row: [name, `${code}${wrong}`], message, expected, most };
  });
  printTable(rows);
  for (const { session, row, message, expected, most } of rows) {
    const [code, words] = expected.browser;
    expect.soft(row[1], `${row[0]}: ${message}`).toBe(code);
    expect.soft(message, row[0]).toMatch(words);
    expect.soft(session.again, row[0]).toBeLessThanOrEqual(most);
  }
});

test('a worker of its own hashes; where there can be none, or it fails, no download is taken for verified', async ({
  page,
  app,
  server,
}) => {
  const file = smallModel();
  const verified = { code: 'verified', sha256: sha256(file) };
  const session = server.serve(right, { file });
  /** Downloads anew; also the names of the workers that asked the browser for a hash. */
  const outcome = async (changes: string) => {
    await page.evaluate(() => {
      window.digests = [];
      window.channel ??= new BroadcastChannel('digests');
      window.channel.onmessage = ({ data }: MessageEvent<string>) => void window.digests.push(data);
    });
    const telling = `
      const { digest } = SubtleCrypto.prototype;
      SubtleCrypto.prototype.digest = function (...given) {
        new BroadcastChannel('digests').postMessage(self.name);
        return digest.apply(this, given);
      };`;
    const done = await download(page, { model: session.url }, changed(telling + changes));
    return { ...done, names: await page.evaluate(() => window.digests) };
  };
  await page.goto(app);

  const beside = await outcome('');
  expect(beside).toMatchObject(verified);
  expect(beside.names).toEqual(Array(Math.ceil(file.length / PIECE)).fill('minke-hashes'));

  await clear(page);
  expect(await outcome(`self.Worker = undefined;`), 'no workers in workers').toMatchObject({ ...verified, names: [] });

  await clear(page);
  const failing = `if (self.name) SubtleCrypto.prototype.digest = () => { throw new Error('no such thing'); };`;
  const failed = await outcome(failing);
  expect(failed.code).toBe('storage');
  expect(failed.message).toContain('the worker that hashes');
  expect(failed.message).toContain('no such thing');
  const { served } = session;
  expect(await outcome(''), 'all pieces were kept').toMatchObject(verified);
  expect(session.served).toBe(served);
});

test('a renderer that is killed while it downloads loses at most what was on its way', async ({ app, server }) => {
  const file = full ? smollm2() : largeModel();
  const kills = full ? 20 : 6;
  const random = numbers(20);
  await withProfile(async (context) => {
    const session = server.serve(right, { file });
    const rows: Row[] = [];
    for (let kill = 1; kill <= kills; kill++) {
      const page = await context.newPage();
      const devtools = await context.newCDPSession(page);
      await page.goto(app);
      const before = session.again;
      session.stop = Math.floor((file.length * kill) / (kills + 1));
      const crashed = page.waitForEvent('crash');
      void page.evaluate((model) => void window.minke.downloadModel({ model }), session.url);
      await session.reaches(session.stop);
      await new Promise((resolve) => setTimeout(resolve, random() % 50));
      void devtools.send('Page.crash').catch(() => {}); // nobody is left to answer
      await crashed;
      await page.close();
      const again = session.again - before;
      rows.push({ row: [`kill ${kill} after ${session.stop} bytes`, 'resumed'], again });
    }
    session.stop = Infinity;
    const page = await context.newPage();
    await page.goto(app);
    const { keptBytes = 0 } = (await kept(page, session)) ?? {};
    const before = session.served;
    const last = await download(page, { model: session.url });
    printTable(rows);
    expect(last).toMatchObject({ code: 'verified', sha256: sha256(file) });
    expect(keptBytes).toBeGreaterThan(file.length - AT_MOST);
    expect(session.served - before, 'after the last kill').toBe(file.length - keptBytes);
    for (const { row, again } of rows) expect(again, row[0]).toBeLessThanOrEqual(AT_MOST);
  });
});

/** Progress of that kind. */
const inPhase = ({ progress }: Outcome, phase: Minke.LoadPhase) => progress.filter((event) => event.phase === phase);

test('two tabs download once, and a tab that dies leaves the rest to the other', async ({ page, app, server }) => {
  const other = await page.context().newPage();
  const tabs = [page, other] as const;
  for (const tab of tabs) await tab.goto(app);
  const start = async () => {
    const session = server.serve(right);
    session.stop = 3_000_000;
    const first = download(page, { model: session.url }).catch(() => undefined); // where its tab is closed
    await session.reaches(session.stop);
    const second = download(other, { model: session.url });
    await new Promise((resolve) => setTimeout(resolve, 500)); // it asks for the lock
    session.rate = 4_000_000;
    session.stop = 6_000_000;
    await session.reaches(session.stop);
    return { session, first, second };
  };

  const once = await start();
  once.session.stop = Infinity;
  const [loads, waits] = [await once.first, await once.second];
  expect(loads).toMatchObject({ code: 'verified', sha256: sha256(model()) });
  expect(waits).toMatchObject({ code: 'verified', sha256: sha256(model()) });
  expect(once.session.served).toBe(model().length);
  const shown = inPhase(waits, 'waiting');
  expect(shown.at(-1)?.loaded).toBeGreaterThan(3_000_000);
  expect(shown.at(-1)?.total).toBe(model().length);
  expect(waits.progress.at(-1)?.source).toBe('store');
  expect(inPhase(loads ?? waits, 'waiting')).toEqual([]);

  const dies = await start();
  await page.close();
  dies.session.stop = Infinity;
  expect(await dies.second).toMatchObject({ code: 'verified', sha256: sha256(model()) });
  expect(dies.session.again).toBeLessThanOrEqual(AT_MOST);
});

for (const place of ['a profile', 'a private window'] as const)
  test(`a full store in ${place}: what has come is kept, and goes on when there is room`, async ({
    browser,
    app,
    server,
  }) => {
    const fill = async (context: BrowserContext) => {
      const page = await context.newPage();
      const devtools = await context.newCDPSession(page);
      await page.goto(app);
      const { origin } = new URL(app);
      const session = server.serve(right);
      await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 7_000_000 });
      const full = await download(page, { model: session.url });
      expect(full).toMatchObject({ code: 'storage_full', message: expect.stringContaining('no more room') as unknown });
      const partial = await kept(page, session);
      expect(partial).toMatchObject({ bytes: model().length, keptBytes: PIECE, complete: false });

      await devtools.send('Storage.overrideQuotaForOrigin', { origin });
      const before = session.served;
      const { code, sha256: hash } = await download(page, { model: session.url });
      expect([code, hash]).toEqual(['verified', sha256(model())]);
      expect(session.served - before).toBe(model().length - PIECE);
      // what was left over of it was cut off
      const { usage } = await page.evaluate(() => window.minke.storage());
      expect(usage).toBeLessThan(model().length + 1_000_000);
    };
    if (place === 'a profile') return withProfile(fill);
    const context = await browser.newContext();
    await fill(context);
    await context.close();
  });

/** A command of the DevTools protocol to a worker, which Playwright has no session for. */
type Command = (method: string, params?: object) => Promise<object>;

/** Commands to the next worker that the page starts. */
async function nextWorker(page: Page): Promise<() => Promise<Command>> {
  const devtools = await page.context().newCDPSession(page);
  const answers = new Map<number, (result: object) => void>();
  devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message) as { id?: number; result?: object };
    if (id !== undefined) answers.get(id)?.(result ?? {});
  });
  const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: false };
  // before this has its answer, those are told of that are there
  await devtools.send('Target.setAutoAttach', attach);
  const attached = new Promise<Command>((resolve) => {
    devtools.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type !== 'worker') return;
      resolve((method, params = {}) => {
        const id = answers.size;
        const answer = new Promise<object>((resolve) => answers.set(id, resolve));
        const message = JSON.stringify({ id, method, params });
        return devtools.send('Target.sendMessageToTarget', { sessionId, message }).then(() => answer);
      });
    });
  });
  return () => attached;
}

test('a download goes on by itself after five seconds without a network', async ({ page, app, server }) => {
  await page.goto(app);
  const session = server.serve(right);
  session.rate = 2_000_000;
  const downloading = download(page, { model: session.url });
  await session.reaches(5_000_000);
  // what Playwright takes away are the page's requests, but not its workers'
  session.away = true;
  await page.context().setOffline(true);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  const { served } = session;
  session.away = false;
  const back = Date.now();
  await page.context().setOffline(false);
  while (session.served === served) await session.moved();
  const waited = Date.now() - back;
  const done = await downloading;
  console.log(`${waited} ms after the network was back, bytes came again`);
  expect(done).toMatchObject({ code: 'verified', sha256: sha256(model()) });
  expect(inPhase(done, 'offline').length).toBeGreaterThan(0);
  expect(session.again).toBeLessThanOrEqual(AT_MOST);
  expect(waited).toBeLessThan(3000); // not the 8 s that it would wait without the browser's event
});

test('a download pauses and goes on, and an abort keeps what has come', async ({ page, app, server }) => {
  await page.goto(app);
  const session = server.serve(right);
  session.rate = 4_000_000;
  const paused = await page.evaluateHandle((model) => {
    const control = new window.minke.LoadControl();
    const progress: Minke.LoadProgress[] = [];
    const done = window.minke.downloadModel({ model, control, onProgress: (event) => progress.push(event) });
    return { control, progress, done };
  }, session.url);
  await session.reaches(2_000_000);
  await paused.evaluate(({ control }) => control.pause());
  const last = () => paused.evaluate(({ progress }) => progress.at(-1));
  await expect.poll(async () => (await last())?.phase).toBe('paused');
  const { loaded } = (await last()) ?? {};
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(await last()).toMatchObject({ phase: 'paused', loaded });
  await paused.evaluate(({ control }) => control.resume());
  expect((await paused.evaluate(({ done }) => done)).files[0]?.sha256).toBe(sha256(model()));
  expect(session.again).toBe(0);

  const aborted = server.serve(right);
  aborted.rate = 4_000_000;
  const aborting = page.evaluate(async (model) => {
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = ({ loaded }: Minke.LoadProgress) => loaded > 5_000_000 && controller.abort();
    const error: unknown = await window.minke.downloadModel({ model, signal, onProgress }).catch((error) => error);
    return error instanceof window.minke.EngineAbortError ? error.name : String(error);
  }, aborted.url);
  expect(await aborting).toBe('AbortError');
  aborted.rate = 0;
  const { keptBytes = 0, complete } = (await kept(page, aborted)) ?? {};
  expect([keptBytes >= PIECE, complete]).toEqual([true, false]);
  const before = aborted.served;
  expect(await download(page, { model: aborted.url })).toMatchObject({ code: 'verified', sha256: sha256(model()) });
  expect(aborted.served - before).toBe(model().length - keptBytes);
});

/** So that nothing is measured. */
const TUNING = { matmul: 'registers', invocations: 0, attention: 'few', dots: 'floats' } as const;

/** A model that runs. */
const tiny = () => readFileSync(join(root, 'tests/vectors/refuse/control-qwen2.gguf'));

test('kept models are listed, exported, imported, loaded by id, deleted', async ({ page, app, server, log }) => {
  await page.goto(app);
  log.requests.length = 0;
  expect(await listed(page)).toEqual([]);
  expect(log.requests).toEqual([]); // without a worker
  const session = server.serve(right, { file: tiny(), path: 'tiny%20model.gguf' });
  const hash = sha256(tiny());
  const begun = Date.now();
  const model = await page.evaluate((model) => window.minke.downloadModel({ model }), session.url);
  const bytes = tiny().length;
  const files = [{ url: session.url, bytes, sha256: hash }];
  expect(model).toMatchObject({ url: session.url, bytes, keptBytes: bytes, complete: true, files });
  expect(model.id).toMatch(/^tiny_20model-[0-9a-f]{12}$/);
  expect(model.verifiedOn).toBeGreaterThanOrEqual(begun);
  expect(model.verifiedOn).toBeLessThanOrEqual(Date.now());
  expect(await listed(page)).toEqual([model]);

  const exported = await page.evaluate(async (id) => {
    const [file] = await window.minke.exportModel(id);
    if (!file) throw new Error('no file');
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
    const hash = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const imported = await window.minke.downloadModel({ model: file });
    await window.minke.deleteModel(id);
    return { hash, name: file.name, imported };
  }, model.id);
  expect(exported).toMatchObject({ hash, name: 'tiny model.gguf' });
  const { imported } = exported;
  expect(imported).toMatchObject({ bytes, complete: true, files: [{ sha256: hash }] });
  expect((await listed(page)).map(({ id }) => id)).toEqual([imported.id]);

  const stalled = server.serve(right);
  stalled.stop = 1_000_000;
  void download(page, { model: stalled.url }).catch(() => {}); // it ends with its page
  await stalled.reaches(stalled.stop);
  const { id: loading = '' } = (await kept(page, stalled)) ?? {};
  const { outcomes, room } = await page.evaluate(
    async ([id, loading]) => {
      const { createEngine, deleteModel, downloadModel, exportModel, storage } = window.minke;
      const codeOf = (work: Promise<unknown>) =>
        work.then(
          () => 'done',
          (error) => (error instanceof window.minke.EngineError ? error.code : String(error)),
        );
      const room = await storage();
      const outcomes = {
        'by its id': await codeOf(downloadModel({ model: { id } })),
        'unknown, loaded': await codeOf(createEngine({ model: { id: 'nobody' } })),
        'unknown, deleted': await codeOf(deleteModel('nobody')),
        'unknown, exported': await codeOf(exportModel('nobody')),
        'while it comes, deleted': await codeOf(deleteModel(loading)),
        'while it comes, exported': await codeOf(exportModel(loading)),
        deleted: await codeOf(deleteModel(id)),
      };
      return { outcomes, room };
    },
    [imported.id, loading] as const,
  );
  expect(outcomes).toEqual({
    'by its id': 'done',
    'unknown, loaded': 'not_kept',
    'unknown, deleted': 'not_kept',
    'unknown, exported': 'not_kept',
    'while it comes, deleted': 'in_use',
    'while it comes, exported': 'not_kept',
    deleted: 'done',
  });
  expect(room.usage).toBeGreaterThan(bytes);
  expect(room.quota).toBeGreaterThan(room.usage ?? NaN);
  expect((await listed(page)).map(({ id }) => id)).toEqual([loading]);
  expect(session.served).toBe(bytes);
});

test('headers stay with their host, and a mirror stands in for it', async ({ page, app, server }) => {
  await page.goto(app);
  const secret = 'Bearer secret';
  const verified = { code: 'verified', sha256: sha256(model()) };
  const session = server.serve(hostile.redirects(server.other, Infinity));
  expect(await download(page, { model: session.url, headers: { Authorization: secret } })).toMatchObject(verified);
  const hosts = session.requests.map(({ host, headers }) => [host, headers.authorization]);
  expect(new Set(hosts.map(([host]) => host))).toEqual(new Set([server.url, server.other]));
  for (const [host, authorization] of hosts) expect(authorization).toBe(host === server.url ? secret : undefined);
  const entries = await page.evaluate(
    async (id) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('minke');
      const model = await (await folder.getDirectoryHandle('models')).getDirectoryHandle(id);
      return (await (await model.getFileHandle('1.jsonl')).getFile()).text();
    },
    (await kept(page, session))?.id ?? '',
  );
  expect(entries).toContain(session.url);
  expect(entries).not.toContain('secret');

  const mirrored = server.serve(right);
  const url = mirrored.url.replace(server.url, 'https://models.invalid');
  expect(await download(page, { model: url, mirror: server.url })).toMatchObject(verified);
  expect((await listed(page)).map(({ url }) => url)).toContain(url);
});

test('a plan needs a small part of the model, and keeps none', async ({ page, app, server }) => {
  await page.goto(app);
  const session = server.serve(right, { file: smollm2() });
  const plan = await page.evaluate((model) => window.minke.plan({ model, nCtx: 512 }), session.url);
  console.log(`plan: ${session.served} bytes served; ${JSON.stringify(plan)}`);
  expect(plan).toMatchObject({
    verdict: 'fits',
    model: { architecture: 'llama', nCtxTrain: 8192, bytes: smollm2().length },
    kept: 0,
    smaller: null,
  });
  expect(plan.memory.n_ctx).toBe(512);
  expect(plan.memory.weights).toBeGreaterThan(0.8 * smollm2().length);
  expect(plan.memory.weights).toBeLessThan(1.5 * smollm2().length);
  expect(plan.memory.total).toBeGreaterThan(plan.memory.weights + plan.memory.kv_cache);
  expect(plan.largestCtx).toBeGreaterThanOrEqual(512);
  expect(plan.free).toBeGreaterThan(0);
  expect(session.served).toBeLessThanOrEqual(PIECE);
  expect(await listed(page)).toEqual([]);
});

/** The tensors of a file shared out among several, as `llama-gguf-split` does. */
function split(file: Buffer, count: number): Buffer[] {
  const { entries, tensors } = parse(file);
  const number = (key: string, type: number, array: Uint16Array | Int32Array) => ({
    key,
    type,
    value: Buffer.from(array.buffer),
  });
  const of = [
    number('split.count', 2, Uint16Array.of(count)),
    number('split.tensors.count', 5, Int32Array.of(tensors.length)),
  ];
  const each = Math.ceil(tensors.length / count);
  return Array.from({ length: count }, (_, i) => {
    const mine = [number('split.no', 2, Uint16Array.of(i)), ...of];
    const shared = i === 0 ? entries : [];
    return write({ entries: [...shared, ...mine], tensors: tensors.slice(i * each, (i + 1) * each) });
  });
}

test('a split model comes from the URL of its first part or from Files, and loads without a store too', async ({
  page,
  app,
  server,
}) => {
  await page.goto(app);
  const parts = split(tiny(), 3);
  const hashes = parts.map(sha256);
  const names = parts.map((_, i) => `tiny-0000${i + 1}-of-00003.gguf`);
  const sessions = parts.map((file, i) => server.serve(right, { file, path: `/split/${names[i]}` }));
  const [first] = sessions;
  if (!first) throw new Error('no parts');
  const model = await page.evaluate((model) => window.minke.downloadModel({ model }), first.url);
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  expect(model).toMatchObject({ bytes, keptBytes: bytes, complete: true });
  expect(model.files.map(({ sha256 }) => sha256)).toEqual(hashes);
  for (const session of sessions) expect(session.served).toBe(session.file.length);

  const exported = await page.evaluate(async (id) => {
    const files = await Promise.all(
      (await window.minke.exportModel(id)).map(async (file) => new File([await file.arrayBuffer()], file.name)),
    );
    await window.minke.deleteModel(id);
    const progress: Minke.LoadProgress[] = [];
    const onProgress = (event: Minke.LoadProgress) => void progress.push(event);
    const imported = await window.minke.downloadModel({ model: files.toReversed(), onProgress });
    await window.minke.deleteModel(imported.id);
    const codeOf = ({ code, message }: Minke.EngineError) => [code, message];
    const one = await window.minke.createEngine({ model: files.slice(1, 2) }).catch(codeOf);
    return { names: files.map(({ name }) => name), imported, progress, one };
  }, model.id);
  expect(exported.names).toEqual(names);
  expect(exported.imported).toMatchObject({ bytes, complete: true });
  expect(exported.imported.files.map(({ sha256 }) => sha256)).toEqual(hashes);
  expect(exported.progress.at(-1)).toMatchObject({ source: 'file', loaded: bytes, total: bytes });
  expect(exported.one).toEqual(['unsupported', expect.stringContaining('part 2 of 3')]);
  expect(await listed(page)).toEqual([]);

  // in a browser that keeps nothing, through memory to the GPU
  const worker = changed('delete StorageManager.prototype.getDirectory;');
  const info = await page.evaluate(
    async ([model, script, tuning]) => {
      const text = script.replace('WORKER', JSON.stringify(new URL('dist/worker.js', location.href)));
      const workerUrl = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
      const engine = await window.minke.createEngine({ model, nCtx: 64, tuning, workerUrl });
      await engine.dispose();
      return engine.info.model;
    },
    [first.url, worker, TUNING] as const,
  );
  expect(info).toMatchObject({ bytes, kept: null });
  expect(await download(page, { model: first.url }, worker)).toMatchObject({ code: 'not_kept' });
  expect(await listed(page)).toEqual([]);
});

/** Most bytes that a worker's heaps have held while `work` ran in it: JavaScript's, and all buffers. */
async function peakHeap(page: Page, work: () => Promise<void>): Promise<{ js: number; buffers: number }> {
  const started = await nextWorker(page);
  const peak = { js: 0, buffers: 0 };
  let working = true;
  const sample = async () => {
    const worker = await started();
    while (working) {
      const usage = (await worker('Runtime.getHeapUsage').catch(() => ({}))) as Record<string, number>;
      peak.js = Math.max(peak.js, usage['usedSize'] ?? 0);
      peak.buffers = Math.max(peak.buffers, usage['backingStorageSize'] ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const sampled = sample();
  await Promise.race([work(), sampled]);
  working = false;
  expect(peak.js, 'a worker was seen').toBeGreaterThan(0);
  return peak;
}

const MIB = 2 ** 20;

/** Whether the engine's weights are right. */
async function answer(): Promise<string | null | undefined> {
  const messages = [{ role: 'user' as const, content: 'What is the capital of France?' }];
  const { choices } = await window.engine.chat.completions.create({ messages, temperature: 0, max_tokens: 4 });
  return choices[0]?.message.content;
}

test('a model that is kept loads without a byte from the server, and a byte that was changed is noticed', async ({
  page,
  app,
  server,
}) => {
  await page.goto(app);
  const file = smollm2();
  const session = server.serve(right, { file });
  const heaps: string[] = [];
  const within = async (name: string, work: () => Promise<void>) => {
    const { js, buffers } = await peakHeap(page, work);
    heaps.push(`${name}: JavaScript ${(js / MIB).toFixed(1)} MiB, buffers ${(buffers / MIB).toFixed(1)} MiB`);
    expect(js, name).toBeLessThan(16 * MIB);
    expect(buffers, name).toBeLessThan(64 * MIB); // the file has 94
  };
  await within('download', async () => {
    expect(await download(page, { model: session.url })).toMatchObject({ code: 'verified', sha256: sha256(file) });
  });
  expect(session.served).toBe(file.length);
  const { id = '' } = (await kept(page, session)) ?? {};

  const load = (model: Minke.ModelSource) =>
    page.evaluate(
      async ([model, tuning]) => {
        const begun = performance.now();
        window.engine = await window.minke.createEngine({ model, nCtx: 512, tuning });
        return { milliseconds: performance.now() - begun, info: window.engine.info };
      },
      [model as { id: string }, TUNING] as const,
    );
  await page.reload();
  let again: Awaited<ReturnType<typeof load>> | undefined;
  await within('load from the store', async () => void (again = await load(session.url)));
  expect(session.served).toBe(file.length);
  expect(again?.info.model.kept).toBe(id);
  expect(again?.info.heapBytes).toBeLessThan(64 * MIB);

  expect(await page.evaluate(answer)).toBe('The capital of France');
  await page.evaluate(() => window.engine.dispose());

  // what it could not be faster than
  const plain = await page.evaluate(async (id) => {
    const script = `
      onmessage = async ({ data: [id] }) => {
        let folder = await navigator.storage.getDirectory();
        for (const name of ['minke', 'models', id]) folder = await folder.getDirectoryHandle(name);
        const handle = await (await folder.getFileHandle('1.gguf')).createSyncAccessHandle();
        const adapter = await navigator.gpu.requestAdapter();
        const device = await adapter.requestDevice();
        const size = handle.getSize();
        const buffer = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.STORAGE });
        const bytes = new Uint8Array(4 << 20);
        const times = { read: 0, upload: 0 };
        for (let at = 0; at < size; at += bytes.length) {
          const part = bytes.subarray(0, Math.min(bytes.length, size - at));
          let begun = performance.now();
          handle.read(part, { at });
          times.read += performance.now() - begun;
          begun = performance.now();
          device.queue.writeBuffer(buffer, at, part);
          times.upload += performance.now() - begun;
        }
        const begun = performance.now();
        await device.queue.onSubmittedWorkDone();
        times.upload += performance.now() - begun;
        handle.close();
        device.destroy();
        postMessage(times);
      };`;
    const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
    const times = await new Promise<{ read: number; upload: number }>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage([id]);
    });
    worker.terminate();
    return times;
  }, id);
  const begun = Date.now();
  expect(await download(page, { model: session.url })).toMatchObject({ code: 'verified' });
  const verify = Date.now() - begun;
  const { milliseconds = NaN, info } = again ?? {};
  const selfTest = info?.selfTest.milliseconds ?? NaN;
  const bar = 1.5 * (plain.read + plain.upload);
  const words = (times: Record<string, number>) =>
    Object.entries(times).map(([name, time]) => `${name} ${time.toFixed(0)} ms`);
  console.log(words({ ...plain, verify, load: milliseconds, 'self-test in it': selfTest, bar }).join(', '));
  expect(verify).toBeLessThan(10 * bar + 2000); // generous, as others use the machine too
  expect(milliseconds - selfTest).toBeLessThan(10 * bar + 10_000);

  // somebody else writes to the store
  const at = 50_000_000;
  await page.evaluate(
    async ([id, at]) => {
      let folder = await navigator.storage.getDirectory();
      for (const name of ['minke', 'models', id]) folder = await folder.getDirectoryHandle(name);
      const handle = await folder.getFileHandle('1.gguf');
      const byte = new Uint8Array(await (await handle.getFile()).slice(at, at + 1).arrayBuffer());
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position: at, data: byte.map((byte) => byte ^ 1) });
      await writable.close();
    },
    [id, at] as const,
  );
  const { served } = session;
  await within('a byte was changed', async () => {
    if (full) again = await load({ id });
    else expect(await download(page, { model: { id } })).toMatchObject({ code: 'verified', sha256: sha256(file) });
  });
  expect(session.served - served).toBe(PIECE);
  const { range } = session.requests.at(-1)?.headers ?? {};
  expect(range).toBe(`bytes=${Math.floor(at / PIECE) * PIECE}-${(Math.floor(at / PIECE) + 1) * PIECE - 1}`);
  expect(again?.info.heapBytes).toBeLessThan(64 * MIB);
  if (full) expect(await page.evaluate(answer)).toBe('The capital of France');
  console.log(heaps.join('\n'));
});
