// The document of models: the check of the device, downloads, other ways to a model, what is kept, and the benchmark.

import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { expect, open, test } from './page';

const DISTILL = 'DeepSeek R1 Distill Qwen 1.5B';
const LARGE = 'DeepSeek R1 Distill Qwen 7B';

const row = (page: Page, name: string): Locator =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name, exact: true }) });
const start = (page: Page, name: string) =>
  row(page, name)
    .getByRole('button', { name: `Download ${name}` })
    .click();
const choose = async (page: Page, name: string, item: string) => {
  await row(page, name)
    .getByRole('button', { name: `More for ${name}` })
    .click();
  await page.getByRole('menuitem', { name: item }).click();
};
/** Opens a document of the app where nothing is kept. */
async function openEmpty(page: Page, site: string, path = 'models/') {
  await page.evaluate(() => (fake.kept = []));
  await open(page, site, path);
  await expect(page.getByRole('heading', { name: DISTILL })).toBeVisible();
}

/** A graphics processor as desktops have it. */
const HARDWARE = `GPU.prototype.requestAdapter = async () => ({
  info: { vendor: 'acme', architecture: 'a1', device: '', description: 'Acme 9000', isFallbackAdapter: false },
  limits: { maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: 2 ** 31 },
  features: new Set(['subgroups']),
});
Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 16 });
StorageManager.prototype.estimate = async () => ({ usage: 0, quota: 1e11 });`;

for (const [what, script, title, words] of [
  ['a software renderer', '', 'It works here, but slowly', 'Turn on hardware acceleration'],
  ['hardware', HARDWARE, 'This device can run DeepSeek models', 'by Acme 9000'],
  ['no WebGPU', 'delete Navigator.prototype.gpu', 'This browser has no WebGPU', 'Safari since 26'],
  [
    'no adapter',
    'GPU.prototype.requestAdapter = async () => null',
    'The browser offers no graphics processor',
    'chrome://flags',
  ],
  [
    'a page that is not secure',
    `delete Navigator.prototype.gpu; Object.defineProperty(window, 'isSecureContext', { value: false })`,
    'This page was not opened securely',
    'begins with https',
  ],
  [
    'no file system',
    `${HARDWARE}; StorageManager.prototype.getDirectory = async () => { throw new DOMException('', 'SecurityError') }`,
    'with limits',
    'as in a private window',
  ],
  [
    'little room and memory',
    `${HARDWARE}; StorageManager.prototype.estimate = async () => ({ usage: 0, quota: 5e8 });
    Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 2 })`,
    'with limits',
    'about 500 MB of room left',
  ],
] as const) {
  test(`the check of a device with ${what}`, async ({ fakePage: page, site }) => {
    await page.addInitScript({ content: script });
    await open(page, site, 'models/');
    const card = page.getByRole('region', { name: title });
    await expect(card).toContainText(words);
    await card.getByText('What was found').click();
    await expect(card.getByRole('definition').first()).toHaveText(
      /no (WebGPU|graphics)|securely/.test(title) ? 'No' : 'Yes',
    );
  });
}

test('the suggested model fits the device', async ({ fakePage: page, site }) => {
  await page.addInitScript({ content: HARDWARE });
  await openEmpty(page, site);
  await expect(row(page, 'DeepSeek R1 0528 Qwen3 8B')).toContainText('Suggested');
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'deviceMemory', { get: () => 8 }));
  await openEmpty(page, site, 'models/?again');
  await expect(row(page, DISTILL)).toContainText('Suggested');
  await expect(row(page, 'SmolLM2 135M Instruct')).toContainText('from this site');
});

test('a download pauses, resumes, is cancelled, goes on, and leads to the chat', async ({ fakePage: page, site }) => {
  await openEmpty(page, site, 'models/#/get/deepseek-r1-distill-qwen-1.5b');
  await expect(row(page, DISTILL).getByRole('button', { name: `Download ${DISTILL}` })).toBeFocused();
  await page.evaluate(() => (fake.holdAt = 3));
  await page.keyboard.press('Enter');
  const bar = page.getByRole('progressbar', { name: `Downloading ${DISTILL}` });
  const status = row(page, DISTILL).getByRole('status').first();
  await expect(bar).toHaveAttribute('aria-valuenow', '25');
  await expect(status).toHaveText('Downloading, verifying each piece');
  await expect(row(page, DISTILL)).toContainText('336 MB of 1.12 GB · 112 MB per second · 7 sec left');
  await row(page, DISTILL).getByRole('button', { name: 'Pause' }).click();
  await expect(status).toHaveText('Paused');
  await expect(row(page, DISTILL)).not.toContainText('per second');
  await page.evaluate(() => (fake.holdAt = 6));
  await row(page, DISTILL).getByRole('button', { name: 'Resume' }).click();
  await expect(bar).toHaveAttribute('aria-valuenow', '50');
  await row(page, DISTILL).getByRole('button', { name: 'Cancel' }).click();
  await expect(row(page, DISTILL)).toContainText('60% kept');

  await page.evaluate(() => (fake.holdAt = undefined));
  await row(page, DISTILL)
    .getByRole('button', { name: `Resume ${DISTILL}` })
    .click();
  await expect(row(page, DISTILL)).toContainText('Kept, verified on');
  await expect(page.getByRole('status').last()).toContainText(`${DISTILL} is here and verified`);
  await row(page, DISTILL).getByRole('link', { name: 'Chat with it' }).click();
  await page.waitForURL(site);
  expect(await page.evaluate(() => localStorage.getItem('minke.lastModel'))).toContain('Qwen-1.5B-Q4_K_M.gguf');
});

test('each phase of a download is told in words', async ({ fakePage: page, site }) => {
  await openEmpty(page, site);
  await page.evaluate(() => (fake.says = { phase: 'offline', retries: 2, room: 3e8 }));
  await start(page, DISTILL);
  const status = row(page, DISTILL).getByRole('status').first();
  await expect(status).toContainText('No network');
  await expect(row(page, DISTILL)).toContainText('tried again 2 times');
  await expect(row(page, DISTILL)).toContainText('may have room for 300 MB only');
  for (const [phase, words] of [
    ['waiting', 'Another tab'],
    ['retry', 'trying again'],
    ['prepare', 'Finishing'],
  ]) {
    await page.evaluate((phase) => (fake.says = { phase }), phase);
    await expect(status).toContainText(words as string);
  }
});

test('too little room is said before a download, and does not forbid it', async ({ fakePage: page, site }) => {
  await page.addInitScript('StorageManager.prototype.estimate = async () => ({ usage: 1e9, quota: 2e9 })');
  await openEmpty(page, site);
  await start(page, LARGE);
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('needs 4.68 GB more, and this browser has about 1 GB left');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(await page.evaluate(() => fake.downloads.length)).toBe(0);
  await start(page, LARGE);
  await dialog.getByRole('button', { name: 'Download anyway' }).click();
  await expect(row(page, LARGE)).toContainText('Kept, verified on');
});

test('what goes wrong is told with the way on', async ({ fakePage: page, site }) => {
  await openEmpty(page, site);
  const alert = row(page, DISTILL).getByRole('alert');
  for (const [code, message, words, way] of [
    ['network', 'Failed to fetch', 'huggingface.co cannot be reached from here', 'Use a mirror'],
    ['bad_server', 'a web page', 'does not send the file as it should', 'Another address'],
    ['http', 'x answered with HTTP status 404', 'There is no such file', 'Another address'],
    ['http', 'x answered with HTTP status 503', 'is not answering as it should', 'Try again'],
    ['storage_full', 'there is no more room', 'Delete a model that you do not need', 'See what takes room'],
    ['corrupt', 'piece 3', 'Trying again fetches it anew', 'Try again'],
    ['changed', 'its ETag', 'The file was replaced', 'Try again'],
    ['not_gguf', 'it starts with "Thes"', 'This is not a GGUF file', 'Open a .gguf file'],
    ['unsupported', 'architecture = mamba', 'This model cannot be used here', 'Another address'],
  ] as const) {
    await page.evaluate(([code, message]) => (fake.failure = { of: 'download', code, message }), [
      code,
      message,
    ] as const);
    await start(page, DISTILL);
    await expect(alert).toContainText(words);
    await alert.getByText('Details from the engine').click();
    await expect(alert).toContainText(message);
    await expect(row(page, DISTILL).getByRole('button', { name: way, exact: true })).toBeVisible();
    await alert.getByRole('button', { name: 'Close' }).click();
  }
  await page.evaluate(() => (fake.failure = { of: 'download', code: 'network', message: 'Failed to fetch' }));
  await start(page, DISTILL);
  await row(page, DISTILL).getByRole('button', { name: 'Use a mirror' }).click();
  await expect(page.getByLabel('Address of the mirror')).toBeFocused();
  await page.evaluate(() => (fake.failure = undefined));
  await row(page, DISTILL).getByRole('button', { name: 'Try again' }).click();
  await expect(row(page, DISTILL)).toContainText('Kept, verified on');
});

test('a token is asked for where a host wants one, sent, and not kept', async ({ fakePage: page, site }) => {
  await openEmpty(page, site);
  await page.evaluate(() => {
    fake.failure = { of: 'download', code: 'http', message: 'x answered with HTTP status 401' };
  });
  await start(page, DISTILL);
  await page.getByLabel('Access token').fill('hf_secret');
  await page.evaluate(() => (fake.failure = undefined));
  await page.keyboard.press('Enter');
  await expect(row(page, DISTILL)).toContainText('Kept, verified on');
  const [sent, stored] = await page.evaluate(() => [
    fake.downloads.at(-1)?.options['headers'],
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }]),
  ]);
  expect(sent).toEqual({ Authorization: 'Bearer hf_secret' });
  expect(stored).not.toContain('secret');
});

test('another address opens the document anew so that it may be reached', async ({ fakePage: page, site }) => {
  await openEmpty(page, site);
  await page.getByText('Another address').click();
  await page.getByLabel('Address of a .gguf file').fill('https://huggingface.co/a/b/blob/main/on-the-hub.gguf');
  await page.keyboard.press('Enter');
  await expect(row(page, 'on the hub')).toContainText('Kept, verified on');
  expect(page.url(), 'the hub may be reached anyway').not.toContain('any');
  expect(await page.evaluate(() => fake.downloads.at(-1)?.source)).toContain('/a/b/resolve/main/on-the-hub.gguf');

  await page.getByLabel('Address of a .gguf file').fill('https://example.org/models/tiny-model.gguf');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}models/?any`);
  await expect(row(page, 'tiny model')).toContainText('Kept, verified on');
  await page.reload();
  await expect(row(page, 'tiny model')).toContainText('Kept, verified on');
  expect(await page.evaluate(() => fake.downloads.length), 'it is begun once').toBe(0);
});

test('a mirror stands in for the hub, at later visits too', async ({ fakePage: page, site }) => {
  await openEmpty(page, site);
  await page.getByText('Use a mirror').click();
  await page.getByLabel('Address of the mirror').fill('https://mirror.example/hub');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}models/?any`);
  await start(page, DISTILL);
  await expect(row(page, DISTILL)).toContainText('Kept, verified on');
  const mirror = () => page.evaluate(() => fake.downloads.at(-1)?.options['mirror']);
  expect(await mirror()).toBe('https://mirror.example/hub');
  await start(page, 'SmolLM2 135M Instruct');
  await expect(row(page, 'SmolLM2 135M Instruct')).toContainText('Kept, verified on');
  expect(await mirror(), "this site's own model needs none").toBeUndefined();

  await open(page, site, 'models/');
  await start(page, LARGE);
  await page.waitForURL(`${site}models/?any`);
  await expect(row(page, LARGE)).toContainText('Kept, verified on');
  expect(await mirror()).toBe('https://mirror.example/hub');
  await page.getByText('Use a mirror').click();
  await page.getByLabel('Address of the mirror').fill('');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => localStorage.getItem('minke.mirror'))).toBe('');
});

test('files are taken: chosen, the parts of one together, or dropped', async ({ fakePage: page, site }) => {
  await openEmpty(page, site);
  const part = (n: number) => ({ name: `split-0000${n}-of-00002.gguf`, mimeType: '', buffer: Buffer.from('GGUF') });
  await page.locator('input[type=file]').setInputFiles([part(1), part(2)]);
  await expect(row(page, 'split 00001 of 00002')).toContainText('Kept, verified on');
  expect(await page.evaluate(() => (fake.downloads.at(-1)?.source as File[]).length)).toBe(2);
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['GGUF'], 'dropped.gguf'));
    return transfer;
  });
  await page.getByText('Have the file already?').dispatchEvent('drop', { dataTransfer: data });
  await expect(row(page, 'dropped')).toContainText('Kept, verified on');
});

test('a kept model is verified, saved, and deleted', async ({ fakePage: page, site }) => {
  await open(page, site, 'models/'); // where no chat loads it and notes that
  await page.evaluate(() =>
    localStorage.setItem('minke.lastUsed', '{"DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf":1794528000000}'),
  );
  await open(page, site, 'models/');
  const kept = row(page, DISTILL);
  await expect(page.getByRole('listitem').first(), 'what is kept is first').toContainText(DISTILL);
  await expect(kept).toContainText('Kept, verified on Nov 12, 2026');
  await kept.getByText('Details').click();
  await expect(kept).toContainText('ab'.repeat(32));
  await expect(kept).toContainText('https://huggingface.co/unsloth/');
  await expect(kept.getByRole('definition').last()).toHaveText('Nov 13, 2026');

  await choose(page, DISTILL, 'Verify now');
  await expect(kept.getByText('every byte is as it should be')).toBeVisible();
  await expect(kept).not.toContainText('Nov 12, 2026');

  const saving = page.waitForEvent('download');
  await choose(page, DISTILL, 'Save as a file');
  expect((await saving).suggestedFilename()).toBe('DeepSeek-R1-Distill-Qwen-1.5B-Q4_K_M.gguf');

  const room = page.getByRole('region', { name: 'Room' });
  await expect(room).toContainText('Models take 1.12 GB');
  await choose(page, DISTILL, 'Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(kept).toContainText('Kept, verified on');
  await page.evaluate(() => (fake.failure = { of: 'delete', code: 'in_use', message: 'in use' }));
  await room.getByRole('button', { name: `Delete ${DISTILL}` }).click();
  const really = page.getByRole('dialog').getByRole('button', { name: 'Delete' });
  await really.click();
  await expect(page.getByRole('alert')).toContainText('Another tab is using this model');
  await page.evaluate(() => (fake.failure = undefined));
  await really.click();
  await expect(kept.getByRole('button', { name: `Download ${DISTILL}` })).toBeVisible();
  await expect(room).toContainText('No model is kept yet');
});

test('whether a model fits is guessed, and checked on demand', async ({ fakePage: page, site }) => {
  await page.addInitScript({ content: HARDWARE });
  await openEmpty(page, site);
  const large = row(page, LARGE);
  const memory = { n_ctx: 8192, weights: 4.68e9, kv_cache: 7e8, activations: 1e8, total: 5.48e9 };
  await expect(large).toContainText('about 5.92 GB of memory');
  await expect(large).toContainText('Probably fits');
  await page.getByLabel('Memory for a context of').selectOption('131072');
  await expect(large).toContainText('Probably too big');
  await page.getByLabel('Memory for a context of').selectOption('8192');

  await large.getByText('Details').click();
  const check = large.getByRole('button', { name: 'Check whether it fits' });
  for (const [plan, tag, words] of [
    [{ verdict: 'fits' }, 'Fits', 'with a context of 8,192 tokens, and this device has that'],
    [{ verdict: 'tight', largestCtx: 2048 }, 'Tight', 'A context of up to 2,048 tokens does'],
    [{ verdict: 'tight' }, 'Tight', 'nearly all that this device has'],
    [{ verdict: 'too_big', largestCtx: 0, memory }, 'Too big', `A smaller one that may fit: ${DISTILL}`],
    [{ verdict: 'too_big', device: null }, 'Too big', 'There is no graphics processor that could run it'],
  ] as const) {
    await page.evaluate((plan) => (fake.plan = plan), plan);
    await check.click();
    await expect(large.getByText(tag, { exact: true })).toBeVisible();
    await expect(large).toContainText(words);
    await page.getByLabel('Memory for a context of').selectOption('4096');
    await expect(large, 'another context is guessed again').toContainText('Probably fits');
    await page.getByLabel('Memory for a context of').selectOption('8192');
  }
  await page.evaluate(() => (fake.failure = { of: 'plan', code: 'network', message: 'Failed to fetch' }));
  await check.click();
  await expect(large).toContainText('huggingface.co cannot be reached');
});

test('the benchmark measures, can be cancelled, and is copied as a table', async ({ fakePage: page, site }) => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.addInitScript({ content: HARDWARE });
  await open(page, site, 'models/');
  const section = page.getByRole('region', { name: 'Benchmark' });
  await page.evaluate(() => (fake.reply = () => [{ hang: true }]));
  await section.getByRole('button', { name: 'Measure' }).click();
  await expect(section.getByRole('status')).toHaveText('Run 1 of 3');
  await section.getByRole('button', { name: 'Cancel' }).click();
  await expect(section.getByRole('button', { name: 'Measure' })).toBeVisible();

  await page.evaluate(() => {
    fake.requests = [];
    fake.adapter = 'Acme 9000';
    fake.reply = () => [{ content: 'Because.' }];
  });
  await section.getByRole('button', { name: 'Measure' }).click();
  await expect(section).toContainText('Replies come at 100 tokens per second');
  const requests = await page.evaluate(
    () => fake.requests as { temperature: number; messages: { content: string }[] }[],
  );
  expect(requests.map(({ temperature }) => temperature)).toEqual([0, 0, 0]);
  expect(new Set(requests.map(({ messages }) => messages[0]?.content.slice(0, 4))).size, 'no prompt is cached').toBe(3);
  await section.getByText('What the engine knows about the device').click();
  await expect(section).toContainText('f32 for keys, f16 for values');
  await section.getByRole('button', { name: 'Copy as a table' }).click();
  await expect(page.getByText('Copied', { exact: true })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toContain(`| Model | ${DISTILL} |`);
  expect(copied).toContain('| Graphics processor | Acme 9000 |');
  expect(copied).toMatch(/\| Browser \| Chrom\w+ \d+ \|/);
  expect(copied).toMatch(/\| Reading a prompt of \d+ tokens \| 1,000 tokens per second \|/);

  await page.evaluate(() => (fake.failure = { of: 'load', code: 'out_of_memory', message: 'not enough' }));
  await section.getByRole('button', { name: 'Measure' }).click();
  await expect(section.getByRole('alert')).toContainText('too little free memory');
});

test('everyone can use it: axe finds nothing, and it fits a small phone', async ({ fakePage: page, site }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await open(page, site, 'models/');
  await page.evaluate(() => {
    fake.failure = { of: 'download', code: 'http', message: 'https://example.org/x answered with HTTP status 401' };
  });
  await start(page, LARGE);
  await expect(page.getByRole('alert')).toBeVisible();
  await page.evaluate(() => {
    fake.failure = undefined;
    fake.says = { phase: 'offline', room: 1 };
  });
  await start(page, 'DeepSeek R1 Distill Llama 8B');
  await expect(page.getByRole('progressbar')).toBeVisible();
  for (const summary of await page.locator('summary').all()) await summary.click();
  await row(page, DISTILL).getByRole('button', { name: 'Check whether it fits' }).click();
  await expect(row(page, DISTILL).getByText('Fits', { exact: true })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  }
});

test("this site's own model is downloaded, paused, verified, kept, and deleted", async ({ page, site, log }) => {
  const small = 'SmolLM2 135M Instruct';
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let pieces = 0;
  await page.route('**/*.gguf', async (route) => {
    if (++pieces > 12) await released; // of 24, so that there is time to pause
    await route.continue();
  });
  await open(page, site, 'models/');
  await start(page, small);
  await expect(page.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '25');
  await row(page, small).getByRole('button', { name: 'Pause' }).click();
  await expect(row(page, small).getByRole('status').first()).toHaveText('Paused');
  await row(page, small).getByRole('button', { name: 'Cancel' }).click();
  await expect(row(page, small)).toContainText(/\d\d% kept/);
  release();
  await page.reload();
  await row(page, small)
    .getByRole('button', { name: `Resume ${small}` })
    .click();
  await expect(row(page, small)).toContainText('Kept, verified on');
  const asked = log.requests.filter((url) => url.endsWith('.gguf')).length;

  await page.reload();
  await expect(row(page, small)).toContainText('Kept, verified on');
  await choose(page, small, 'Verify now');
  await expect(row(page, small).getByText('every byte is as it should be')).toBeVisible();
  await choose(page, small, 'Delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(row(page, small).getByRole('button', { name: `Download ${small}` })).toBeVisible();
  expect(log.requests.filter((url) => url.endsWith('.gguf')).length, 'what is kept is not fetched again').toBe(asked);
  expect(log.problems).toEqual([]);
});
