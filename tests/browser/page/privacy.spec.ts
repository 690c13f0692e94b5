// That nothing can leave the chat: what the service worker sends, what the self-test finds, and what the network saw.

import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { chromiumArgs, chromium as executable } from '../../../scripts/setup.mjs';
import { allowlist, contentPolicy, originOf, reachOf } from '../../../web/app/src/privacy/policy';
import { badge, catcher, changeFiles, chat, expect, leakTable, test, visit, withFakeEngine } from './locked';
import { traffic } from './net-log';
import type { PlainServer } from './plain-server';

test('on a server without headers the page is locked, and every way out is proved to be closed', async ({
  page,
  server,
}) => {
  await visit(page, `${server.url}#/privacy`);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const table = await leakTable(page);
  console.table(table);
  expect(Object.keys(table)).toHaveLength(18);
  expect(new Set(Object.values(table))).toEqual(new Set(['blocked']));
  await expect(badge(page)).toHaveText('Nothing can leave this page');

  const said = await badge(page).evaluateHandle((badge) => {
    const said: string[] = [];
    new MutationObserver(() => said.push(badge.textContent)).observe(badge, {
      subtree: true,
      childList: true,
      characterData: true,
    });
    return said;
  });
  await page.getByRole('button', { name: 'Test again' }).click();
  await expect.poll(() => said.jsonValue()).toContain('Checking');
  await expect(badge(page)).toHaveText('Nothing can leave this page');
});

/** Holes in the lock, and the ways out that the self-test must find open. */
const HOLES = [
  {
    name: 'whoever runs in workers may ask anybody, and the list has another host',
    changes: {
      'sw.js': (text: string) =>
        text
          .replace('[`connect-src`,', '[`connect-src`,`https:`,`wss:`,')
          .replace('[`response-origin`,', '$&`"https://b.example"`,'),
    },
    out: ['leave', 'webrtc', 'worker'],
  },
  {
    name: 'the page may ask anybody, and open the documents that reach others',
    changes: {
      'sw.js': (text: string) =>
        text.replace('[`connect-src`,', '[`connect-src`,`https:`,`wss:`,').replace("; frame-ancestors 'none'", ''),
      'index.html': (text: string) => text.replace('connect-src', 'connect-src https: wss:'),
    },
    out: ['beacon', 'documents', 'eventsource', 'fetch', 'prefetch', 'websocket', 'webtransport', 'worker', 'xhr'],
  },
  {
    name: 'there is no Connection-Allowlist',
    changes: { 'sw.js': (text: string) => text.replace('"Connection-Allowlist"', '"X-Nothing"') },
    out: ['leave', 'webrtc'],
  },
];

for (const { name, changes, out } of HOLES) {
  test(`the self-test finds a hole: ${name}`, async ({ page, server }) => {
    changeFiles(server, changes);
    await visit(page, `${server.url}#/privacy`);
    const table = await leakTable(page);
    expect(
      Object.keys(table)
        .filter((channel) => table[channel] === 'out')
        .sort(),
    ).toEqual(out);
    await expect(badge(page)).toHaveText('Something can leave this page');
  });
}

/** What the self-test cannot try without going away itself. */
async function leave(page: Page, to: string): Promise<void> {
  await page.evaluate((to) => void window.open(`${to}/window`, '_blank', 'noopener'), to);
  await page.evaluate((to) => void window.open(`${to}/opener`), to);
  const gone = page.waitForEvent('framenavigated', (frame) => /^chrome-error:|\/top$/.test(frame.url()));
  await page.evaluate((to) => void (location.href = `${to}/top`), to);
  await gone;
}

test('windows and the address bar lead nowhere else from a locked page, but do from one without a lock', async ({
  page,
  server,
}) => {
  const other = await catcher();
  await visit(page, server.url);
  await leave(page, other.url);
  expect(other.caught).toEqual([]);

  await page.goto(`${server.url}missing.html`);
  await leave(page, other.url);
  await expect.poll(() => other.caught.sort()).toEqual(['/opener', '/top', '/window']);
  other.close();
});

test('a document that may reach others does not come into the hand of the chat as a window', async ({
  page,
  server,
}) => {
  // headless Chromium has no mDNS, which WebRTC asks for in a window that a page opened, and ends the process of both
  await page.context().addInitScript(() => Reflect.deleteProperty(globalThis, 'RTCPeerConnection'));
  await visit(page, server.url);
  const reached = (path: string) =>
    page.evaluate(async (path) => {
      const opened = window.open(path);
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        try {
          if (!opened || opened.closed) return 'nothing';
          if (opened.document.readyState === 'complete' && opened.location.href !== 'about:blank')
            return 'its document';
        } catch {
          return 'nothing';
        }
      }
    }, path);
  expect(await reached('models/?any')).toBe('nothing');
  expect(await reached('server/')).toBe('nothing');
  expect(await reached('./')).toBe('its document'); // which may reach no more than this one
});

test('each document may reach what it is for, and its workers too', async ({ page, server }) => {
  const [chosen, other] = [await catcher(), await catcher()];
  await page.addInitScript(keepPolicy);
  await visit(page, server.url);
  const reaches = (url: string) =>
    page.evaluate(
      (url) =>
        fetch(url).then(
          () => true,
          () => false,
        ),
      url,
    );

  expect(await reaches(chosen.url)).toBe(false);
  await page.goto(`${server.url}server/?at=${encodeURIComponent(chosen.url)}`);
  expect([await reaches(chosen.url), await reaches(other.url)]).toEqual([true, false]);
  await expect(badge(page)).toHaveText(`What you write goes to ${new URL(chosen.url).host}`);
  await page.goto(`${server.url}models/`);
  expect([await reaches(chosen.url), await reaches(other.url)]).toEqual([false, false]);
  expect(await workerGetsOut(page)).toBe(false);
  await page.goto(`${server.url}models/?any`);
  expect([await reaches(chosen.url), await reaches(other.url)]).toEqual([true, true]);
  expect(await workerGetsOut(page)).toBe(true);
  chosen.close();
  other.close();
});

interface Trusting {
  trustedTypes: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
  /** The app's own policy for scripts. */
  trusting: { createScriptURL(url: string): string };
}

/** Lets tests start workers where only the app's own policy may. */
const keepPolicy = () => {
  const page = globalThis as unknown as Trusting;
  const create = page.trustedTypes.createPolicy.bind(page.trustedTypes);
  page.trustedTypes.createPolicy = (name, rules) => {
    const policy = create(name, rules);
    if (name === 'app') page.trusting = policy;
    return policy;
  };
};

/** Whether a worker of the app's, started by this document, may ask a stranger. */
async function workerGetsOut(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const kept = await (await caches.open('minke-app')).keys();
    const address = kept.map(({ url }) => url.split('?')[0]).find((url) => url?.includes('probe-worker')) ?? '';
    const { trusting } = globalThis as unknown as Trusting;
    const worker = new Worker(trusting.createScriptURL(address), { type: 'module' });
    worker.postMessage(2000);
    return new Promise<boolean>((resolve) => (worker.onmessage = ({ data }) => resolve(data === 'out')));
  });
}

test('an address cannot add to a policy', () => {
  expect(originOf('https://example.org:8000/v1?x#y')).toBe('https://example.org:8000');
  expect(originOf('http://192.168.1.7:11434')).toBe('http://192.168.1.7:11434');
  expect(originOf('https://müller.example')).toBe('https://xn--mller-kva.example');
  for (const bad of [
    '',
    'example.org',
    'javascript:alert(1)',
    'file:///etc',
    'https://*',
    'https://*.org',
    'http://[::1]:8000',
    "https://a';script-src *",
    'https://a" "https://b',
    'https://a;b',
    'wss://a',
    'data:,x',
  ])
    expect([bad, originOf(bad)]).toEqual([bad, undefined]);
  for (const search of ['?at=https://a%22%20%22https://b', '?at=https://a;script-src%20*', '?any', '?at=*']) {
    expect(reachOf('server', search)).toEqual([]);
    expect(reachOf('chat', search)).toEqual([]);
  }
  expect(contentPolicy(reachOf('server', '?at=https://a.example'))).toContain("connect-src 'self' https://a.example; ");
  expect(allowlist(reachOf('chat'))).toBe('(response-origin);report-to=page');
  expect(allowlist(reachOf('models'))).toContain('"https://*.hf.co");report-to=page;redirects=allow');
});

test('what is not of the app goes to the network as it is', async ({ page, server }) => {
  await visit(page, server.url);
  const answer = await page.evaluate(async () => {
    const response = await fetch('models/small.gguf', { headers: { Range: 'bytes=2-5' } });
    return [response.status, response.headers.get('Content-Range')];
  });
  expect(answer).toEqual([206, 'bytes 2-5/8']);
  expect(server.ranges).toEqual(['models/small.gguf bytes=2-5']);
});

test('what is not of the app gives the chat no frame and no worker, which would have no policy', async ({
  page,
  server,
}) => {
  await page.addInitScript(keepPolicy);
  await visit(page, server.url);
  const got = await page.evaluate(async () => {
    const framed = (src: string) => {
      const frame = Object.assign(document.createElement('iframe'), { src, hidden: true });
      document.body.append(frame);
      return new Promise(
        (resolve) => (frame.onload = () => resolve(frame.contentDocument?.URL.split('/').at(-1) ?? null)),
      );
    };
    const { trusting } = globalThis as unknown as Trusting;
    const worker = new Worker(trusting.createScriptURL('missing.js'));
    const started = new Promise((resolve) => (worker.onerror = () => resolve(false)));
    return [await framed('probe.html'), await framed('missing.html'), await started];
  });
  expect(got).toEqual(['probe.html', null, false]);
  expect(server.asked).not.toContain('missing.html');
  expect(server.asked).not.toContain('missing.js');
});

test.describe('without a service worker', () => {
  test.use({ serviceWorkers: 'block' });
  test('the badge claims nothing', async ({ page, server }) => {
    await page.goto(`${server.url}#/privacy`);
    await expect(badge(page)).toHaveText('Not all is proven');
    expect(new Set(Object.values(await leakTable(page)))).toEqual(new Set(['unproved']));
    await expect(page.locator('.verdict')).toContainText('needs a service worker');
  });
});

test('everything on the device can be deleted', async ({ page, server }) => {
  await visit(page, `${server.url}#/privacy`);
  const left = () =>
    page.evaluate(async () => {
      const request = indexedDB.open('minke');
      await new Promise((resolve) => (request.onsuccess = resolve));
      const stores = request.result.transaction([...request.result.objectStoreNames]);
      const conversations = stores.objectStore('conversations').count();
      await new Promise((resolve) => (conversations.onsuccess = resolve));
      const files = (await navigator.storage.getDirectory()) as unknown as { keys(): AsyncIterable<string> };
      const names: string[] = [];
      for await (const name of files.keys()) names.push(name);
      return {
        conversations: conversations.result,
        names,
        caches: (await caches.keys()).sort(),
        setting: localStorage.getItem('x'),
      };
    });
  await page.evaluate(async () => {
    const request = indexedDB.open('minke');
    await new Promise((resolve) => (request.onsuccess = resolve));
    const transaction = request.result.transaction('conversations', 'readwrite');
    transaction.objectStore('conversations').put({ id: 'c', title: 'secret' });
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    await (await navigator.storage.getDirectory()).getDirectoryHandle('minke', { create: true });
    await caches.open('minke-tuning');
    localStorage.setItem('x', 'y');
  });
  expect(await left()).toEqual({
    conversations: 1,
    names: ['minke'],
    caches: ['minke-app', 'minke-tuning'],
    setting: 'y',
  });

  await page.getByRole('button', { name: 'Delete everything on this device' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect((await left()).conversations).toBe(1);
  await page.getByRole('button', { name: 'Delete everything on this device' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete everything on this device' }).click();
  await expect(page).toHaveURL(server.url);
  expect(await left()).toMatchObject({ conversations: 0, names: [], setting: null });
  expect((await left()).caches).not.toContain('minke-tuning');
});

/** Opens a browser that records what it does on the network; what that was from the time on that `act` tells. */
async function recorded(act: (page: Page) => Promise<number>) {
  const folder = mkdtempSync(join(tmpdir(), 'minke-netlog-'));
  const log = join(folder, 'net.json');
  const args = [...chromiumArgs('swiftshader'), `--log-net-log=${log}`];
  const browser = await chromium.launch({ executablePath: executable(), args });
  try {
    const since = await act(await browser.newPage());
    await browser.close();
    return traffic(log, since);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true });
  }
}

/**
 * The browser looks for a new service worker some time after each visit, whatever the page does: resolves when it has done so, and
 * not again for some seconds.
 */
async function updateChecked(server: PlainServer): Promise<void> {
  let times = 0;
  let last = Date.now();
  const quiet = () => {
    const now = server.asked.filter((path) => path === 'sw.js').length;
    if (now !== times) last = Date.now();
    times = now;
    return times > 1 && Date.now() - last > 5000;
  };
  await expect.poll(quiet, { intervals: [200] }).toBe(true);
}

test('ten chats cause no request, no look-up of a name and no datagram', async ({ server }) => {
  const seen = await recorded(async (page) => {
    await withFakeEngine(page);
    await visit(page, server.url);
    await expect(badge(page)).toHaveText('Nothing can leave this page');
    await page.waitForLoadState('networkidle');
    await chat(page, 'Warm up');
    await updateChecked(server);
    const ready = Date.now();
    for (let i = 1; i <= 10; i++) await chat(page, `Question ${i}`);
    return ready;
  });
  expect(seen).toEqual({ requests: [], names: [], datagrams: [] });
});

test('the same record shows what a page without a lock sends', async ({ server }) => {
  const stun = createSocket('udp4');
  await new Promise<void>((resolve) => stun.bind(0, '127.0.0.1', resolve));
  const { port } = stun.address() as AddressInfo;
  const seen = await recorded(async (page) => {
    await page.goto(`${server.url}missing.html`);
    const ready = Date.now();
    await page.evaluate(async (port) => {
      await fetch('https://leak-test.invalid/').catch(() => {});
      const connection = new RTCPeerConnection({ iceServers: [{ urls: `stun:127.0.0.1:${port}` }] });
      connection.createDataChannel('probe');
      await connection.setLocalDescription();
    }, port);
    await new Promise((resolve) => stun.once('message', resolve));
    return ready;
  });
  stun.close();
  expect(seen.requests).toContain('https://leak-test.invalid/');
  expect(seen.names.join()).toContain('leak-test.invalid');
  expect(seen.datagrams.join()).toContain(`127.0.0.1:${port}`);
});
