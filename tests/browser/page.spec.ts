// The built page, as a person uses it.

import { writeFileSync } from 'node:fs';
import { chromium } from '@playwright/test';
import { chromium as chromiumPath } from '../../scripts/setup.mjs';
import { expect, full, test } from './fixtures';

test('a real model answers, streams, and stops', async ({ page, site, log }) => {
  test.skip(!full, 'only in full runs');
  await page.goto(site);
  await page.getByRole('button', { name: /SmolLM2/ }).press('Enter');
  await expect(page.getByRole('progressbar')).toBeVisible();
  const message = page.getByRole('textbox', { name: 'Message' });
  await expect(message).toBeFocused({ timeout: 120_000 });

  await page.keyboard.type('What is the capital of France? Answer in one sentence.');
  await page.keyboard.press('Enter');
  const answer = page.locator('.answer');
  const seen = new Set<string>();
  await expect
    .poll(
      async () => {
        if ((await answer.count()) > 0) seen.add(await answer.innerText());
        return page.locator('.reply').getAttribute('aria-busy');
      },
      { timeout: 240_000, intervals: [200] },
    )
    .toBe('false');
  expect(await answer.innerText()).toContain('Paris');
  expect(seen.size, 'the answer grows while it is written').toBeGreaterThan(2);
  await expect(page.locator('.reply footer')).toHaveText(/\d+ tokens · [\d.]+ tokens\/s/);

  await message.fill('Tell me a very long story about a whale.');
  await page.getByRole('button', { name: 'Send' }).click();
  await expect(answer.nth(1)).toBeVisible({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.locator('.reply').nth(1)).toContainText('Stopped');
  await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();

  // nothing but the page's own files and the model's
  const origin = new URL(site).origin;
  expect(log.requests.filter((url) => !url.startsWith(origin))).toEqual([]);
  const paths = log.requests.map((url) => new URL(url).pathname.replace(/-[\w-]{8}\./, '.'));
  expect([...new Set(paths)].sort()).toEqual([
    '/',
    '/assets/engine.wasm',
    '/assets/index.css',
    '/assets/index.js',
    '/assets/worker.js',
    '/icon.svg',
    '/models/smollm2-135m-instruct-q4_1.gguf',
  ]);
  expect(log.problems).toEqual([]);
});

test('an error is shown, and another model can be loaded after it', async ({ page, site, hostile }, info) => {
  await page.goto(site);
  const address = page.getByRole('textbox', { name: 'Address of a .gguf file' });
  for (const [path, words] of [
    ['missing', 'answered with HTTP status 404'],
    ['html', 'a web page in place of the file'],
  ]) {
    await address.fill(`${hostile}/${path}`);
    await page.getByRole('button', { name: 'Load', exact: true }).click();
    await expect(page.getByRole('alert')).toContainText(words ?? '');
  }
  const file = info.outputPath('notes.gguf');
  writeFileSync(file, 'These are only notes.');
  await page.getByLabel('Open a .gguf file').setInputFiles(file);
  await expect(page.getByRole('alert')).toContainText('starts with "Thes"');
  await address.fill(`${site}golden/refuse/control-qwen3.gguf`);
  await address.press('Enter');
  await expect(page.getByRole('textbox', { name: 'Message' })).toBeVisible();
  await expect(page.getByRole('banner')).toContainText('control-qwen3.gguf');
});

/** A worker that speaks the protocol without a GPU: the page's own behaviour needs no model. */
const SCRIPTED = `
  const say = (message) => postMessage(message);
  onmessage = ({ data }) => {
    if (data.type === 'hello') say({ type: 'started' });
    if (data.type === 'load') say({ type: 'loaded', info: {} });
    if (data.type === 'abort') say({ type: 'error', id: data.id, error: { code: 'aborted', message: 'aborted' } });
    if (data.type !== 'complete') return;
    const { id, request } = data;
    const history = request.messages.map((m) => m.role + ':' + m.content).join('|');
    say({ type: 'delta', id, delta: { reasoning_content: 'Let me think. ' } });
    setTimeout(() => say({ type: 'delta', id, delta: { reasoning_content: 'I have it.' } }), 400);
    setTimeout(() => {
      say({ type: 'delta', id, delta: { content: history } });
      if (history.includes('fail')) say({ type: 'error', id, error: { code: 'device', message: 'the device was lost' } });
      const usage = { completion_tokens: 3, prompt_tokens: 1, total_tokens: 4 };
      if (!history.includes('wait')) say({ type: 'done', id, reply: { finish_reason: 'stop', usage } });
    }, 1500);
  };`;

test('reasoning is folded away, history has no reasoning, errors and Stop are shown', async ({ page, site, log }) => {
  await page.route('**/assets/worker-*.js', (route) =>
    route.fulfill({
      body: SCRIPTED,
      contentType: 'text/javascript',
      headers: { 'Cross-Origin-Embedder-Policy': 'require-corp' },
    }),
  );
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(site);
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'fits a phone').toBe(320);
  await page.getByRole('button', { name: /SmolLM2/ }).click();
  const message = page.getByRole('textbox', { name: 'Message' });
  const send = async (text: string) => {
    await message.fill(text);
    await message.press('Enter');
  };
  await send('one');
  const fold = page.locator('details').first();
  await expect(fold).toHaveAttribute('open');
  await expect(fold).toContainText('Let me think. I have it.');
  await expect(page.locator('.answer')).toHaveText('user:one');
  await expect(fold).not.toHaveAttribute('open');
  await expect(fold.locator('summary')).toHaveText(/Thought for \d s/);
  await fold.locator('summary').press('Enter');
  await expect(fold).toHaveAttribute('open');

  await send('two');
  await expect(page.locator('.answer').nth(1)).toHaveText('user:one|assistant:user:one|user:two');
  await send('wait');
  await expect(page.locator('.answer').nth(2)).toBeVisible();
  await page.getByRole('button', { name: 'Stop' }).press('Enter');
  await expect(page.locator('.reply').nth(2)).toContainText('Stopped');
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'fits a phone').toBe(320);

  await page.getByRole('button', { name: 'New chat' }).click();
  await expect(page.locator('.reply')).toHaveCount(0);
  await send('fail');
  await expect(page.getByRole('alert')).toHaveText('the device was lost');
  await page.getByRole('button', { name: 'Change model' }).click();
  await expect(page.getByRole('heading', { name: 'Choose a model' })).toBeVisible();
  expect(log.problems).toEqual([]);
});

test('a server without the small model does not list it, nor is it asked', async ({ page, site, log }) => {
  await page.goto(`${site}static/`);
  await expect(page.getByRole('button', { name: /DeepSeek/ })).toHaveCount(4);
  await expect(page.getByRole('button', { name: /SmolLM2/ })).toHaveCount(0);
  expect(log.requests.filter((url) => !/\/(static\/|assets\/[^/]+|icon\.svg)$/.test(url))).toEqual([]);
});

test('a browser without WebGPU is told so', async ({ page, site }) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'gpu'));
  await page.goto(site);
  await expect(page.getByRole('alert')).toContainText('This browser has no WebGPU');
});

test('a browser without an adapter is told so', async ({ site }) => {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage();
  await page.goto(site);
  await page.getByRole('button', { name: /SmolLM2/ }).click();
  await expect(page.getByRole('alert')).toContainText('no WebGPU adapter');
  await browser.close();
});
