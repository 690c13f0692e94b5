// The first run: what the chat shows while this browser keeps no model.

import AxeBuilder from '@axe-core/playwright';
import { expect, open, test } from './page';

test('without a model the chat says whether one would run, and leads to one', async ({ fakePage: page, site }) => {
  await page.evaluate(() => (fake.kept = []));
  await page.setViewportSize({ width: 320, height: 640 });
  await open(page, site);
  await expect(page.getByRole('heading', { name: 'Chat with DeepSeek on your own device' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'It works here, but slowly' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Connect to a server' })).toHaveAttribute('href', `${site}server/`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).include('.welcome').analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  }
  await page.getByRole('link', { name: 'Get this model' }).click();
  await expect(page.getByRole('button', { name: 'Download SmolLM2 135M Instruct' })).toBeFocused();
});

test('without a graphics processor the chat says what to do', async ({ fakePage: page, site }) => {
  await page.evaluate(() => (fake.kept = []));
  await page.addInitScript('GPU.prototype.requestAdapter = async () => null');
  await open(page, site);
  await expect(page.getByRole('region', { name: 'The browser offers no graphics processor' })).toContainText('Vulkan');
});

test('a file is opened without being kept', async ({ fakePage: page, site }) => {
  await page.evaluate(() => (fake.kept = []));
  await open(page, site);
  const choosing = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Open a .gguf file' }).click();
  await (await choosing).setFiles({ name: 'mine.gguf', mimeType: '', buffer: Buffer.from('GGUF') });
  await expect.poll(() => page.evaluate(() => fake.loads)).toHaveLength(1);
  expect(await page.evaluate(() => (fake.loads as File[][])[0]?.[0]?.name)).toBe('mine.gguf');
  expect(await page.evaluate(() => fake.kept)).toEqual([]);
});
