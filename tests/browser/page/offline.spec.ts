// The app from this browser: without its server, without a network card, in new versions, and installed.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import { chromiumArgs, chromium as executable, root } from '../../../scripts/setup.mjs';
import { mounts } from '../../../scripts/start.mjs';
import { listening } from '../fixtures';
import { badge, changeFiles, expect, test, visit } from './locked';
import { ask, last, said, started, visitAndDownload } from './small-model';

test('everything loads after the server is gone, from a sub-path', async ({ page, server }) => {
  await visit(page, server.url);
  await server.close();
  for (const path of ['', 'models/', 'models', 'server/', '#/privacy', 'index.html']) {
    await page.goto('about:blank');
    await page.goto(server.url + path);
    await expect(page.locator('#app')).not.toBeEmpty();
  }
  await expect(page).toHaveURL(`${server.url}index.html`);
  // also what is loaded only when it is needed: formulas, their fonts, PDF, the engine
  const files = readdirSync(join(root, 'site/assets')).filter((name) => !/\.(woff|ttf)$/.test(name));
  const missing = await page.evaluate(async (files) => {
    const gone = files.map((name) =>
      fetch(`assets/${name}`).then(
        ({ ok }) => (ok ? '' : name),
        () => name,
      ),
    );
    return (await Promise.all(gone)).filter(Boolean);
  }, files);
  expect(missing).toEqual([]);
  await expect(page.evaluate(() => fetch('docs/index.html'))).rejects.toThrow(/Failed to fetch/); // the server is gone
  expect(new Set(server.asked).has('docs/index.html')).toBe(false);
});

test('a new version comes as a whole, when its person calls for it and no other page is open', async ({
  page,
  server,
  context,
}) => {
  const icon = (page: Page) =>
    page.evaluate(async () => (await (await fetch('icon.svg')).text()).includes('version 2'));
  await visit(page, server.url);
  changeFiles(server, { 'icon.svg': (text) => `${text}<!-- version 2 -->` });
  await page.reload();
  const toast = page.locator('.toast', { hasText: 'A new version is ready.' });
  await expect(toast).toBeVisible();
  expect(await icon(page)).toBe(false);

  const second = await context.newPage();
  await second.goto(server.url);
  await toast.getByRole('button', { name: 'Reload' }).click();
  await expect(page.locator('.toast', { hasText: 'Close the other tabs' })).toBeVisible();
  expect(await icon(page)).toBe(false);
  await second.close();

  await page.reload();
  const loaded = page.waitForEvent('load');
  await toast.getByRole('button', { name: 'Reload' }).click();
  await loaded;
  await expect.poll(() => icon(page).catch(() => false)).toBe(true);
});

test('a version of which a file was changed on the way is not taken', async ({ page, server }) => {
  server.change = (path, bytes) =>
    path === 'icon.svg' ? Buffer.concat([bytes, Buffer.from('<!-- other -->')]) : bytes;
  await page.goto(server.url);
  const state = await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    const worker = registration?.installing ?? registration?.waiting ?? registration?.active;
    if (worker?.state === 'installing') await new Promise((resolve) => (worker.onstatechange = resolve));
    return worker?.state ?? 'redundant';
  });
  expect(state).toBe('redundant');
  await expect(badge(page)).toHaveText('Not all is proven');
});

test('the page that npm start serves, with a small model in it, is locked too', async ({ page }) => {
  const { url, close } = await listening(mounts());
  await visit(page, url);
  await expect(page.locator('meta[name=small-model]')).toHaveCount(1);
  await expect(badge(page)).toHaveText('Nothing can leave this page');
  close();
});

test('what was typed is not lost to the first visit', async ({ page, server }) => {
  let let_go = () => {};
  const held = new Promise<void>((resolve) => (let_go = resolve));
  await page.route('**/sw.js', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${server.url}#/privacy`);
  await page.keyboard.press('Tab');
  const before = await page.evaluate(() => performance.timeOrigin);
  let_go();
  await expect(page.locator('.verdict')).toContainText('holds once the page is loaded again');
  expect(await page.evaluate(() => performance.timeOrigin)).toBe(before);
  await page.locator('.verdict').getByRole('button', { name: 'Reload' }).click();
  await expect(badge(page)).toHaveText('Nothing can leave this page');
});

test('the app can be installed', async ({ page, server }) => {
  await visit(page, server.url);
  const session = await page.context().newCDPSession(page);
  const { errors, url } = await session.send('Page.getAppManifest');
  expect([errors, url]).toEqual([[], `${server.url}manifest.webmanifest`]);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);
  const { icons } = JSON.parse(readFileSync(join(root, 'site/manifest.webmanifest'), 'utf8')) as {
    icons: { src: string }[];
  };
  for (const { src } of icons) expect((await page.request.get(server.url + src)).ok()).toBe(true);
});

/** Opens Chromium with a profile; `card: false` puts it into a network namespace of its own, where there is not even localhost. */
async function open(profile: string, card: boolean) {
  const wrapper = join(profile, '..', 'chromium-without-a-card');
  writeFileSync(wrapper, `#!/bin/sh\nexec unshare --map-root-user --net '${executable()}' "$@"\n`);
  chmodSync(wrapper, 0o755);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: card ? executable() : wrapper,
    args: chromiumArgs('swiftshader'),
  });
  const [page] = context.pages();
  if (!page) throw new Error('Chromium opened no page');
  return { context, page };
}

test('after the first visit one chats without a network card', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'minke-card-'));
  const profile = join(folder, 'profile');
  const { site, close } = await started();
  const reaches = (page: Page) =>
    page.evaluate(() =>
      fetch('missing').then(
        () => true,
        () => false,
      ),
    );
  try {
    const first = await open(profile, true);
    await visitAndDownload(first.page, site, 4);
    expect(await reaches(first.page)).toBe(true);
    await first.context.close();

    const { context, page } = await open(profile, false);
    await page.goto(site);
    expect(await reaches(page)).toBe(false); // there is really no card
    await expect(badge(page)).toHaveText('Nothing can leave this page');
    await ask(page, 'What is the capital of France?');
    await expect(last(page).locator('.facts-line')).toHaveText(/^4 tokens/);
    await expect(said(page)).toHaveText('The capital of France');
    await context.close();
  } finally {
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
});
