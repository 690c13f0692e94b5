// The numbered examples of docs/examples, as they are there, on a tiny model whose words mean nothing.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { build } from 'vite';
import { parse, string, write } from '../../scripts/gguf.mjs';
import { modelsFolder, root } from '../../scripts/setup.mjs';
import { expect, listening, test as base, vectors, full } from './fixtures';

const source = join(root, 'docs/examples');
const examples = readdirSync(source).filter((name) => /^\d\d-/.test(name));

/** The policy that is recommended. */
const [, POLICY = ''] =
  /^Content-Security-Policy: (.*?)^```/ms.exec(
    readFileSync(join(root, 'docs/privacy.md'), 'utf8').replace(/\n {2}/g, ' '),
  ) ?? [];

/** Of Qwen's kind, which says how tools are called. */
const TEMPLATE = `
{%- for tool in tools %}{{ tool | tojson }}{% endfor %}
{%- for message in messages %}{{ message.role }}: {{ message.content }}
{%- for call in message.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}{% endfor %}`;

/** Writes a tiny model with such a template, with room for short conversations, and without thoughts; its address. */
function tinyModel(): string {
  const { entries, tensors } = parse(readFileSync(join(vectors, 'refuse/control-qwen2.gguf')));
  const other: Record<string, (value: Buffer) => Buffer> = {
    'tokenizer.chat_template': () => string(TEMPLATE),
    'tokenizer.ggml.tokens': (value) => Buffer.from(value.toString('latin1').replace('<think>', '<other>'), 'latin1'),
    'qwen2.context_length': () => Buffer.from(Uint32Array.of(512).buffer),
  };
  const changed = entries.map((entry: { key: string; value: Buffer }) => ({
    ...entry,
    value: other[entry.key]?.(entry.value) ?? entry.value,
  }));
  writeFileSync(join(modelsFolder, 'tiny-examples.gguf'), write({ entries: changed, tensors }));
  return '/models/tiny-examples.gguf';
}

interface Served {
  /** The examples, with what they import. */
  folder: string;
  open: (page: Page, example: string, query?: string) => Promise<void>;
}

const test = base.extend<object, Served>({
  folder: [
    async ({ installed }, use) => {
      const folder = mkdtempSync(join(tmpdir(), 'minke-examples-'));
      cpSync(source, folder, { recursive: true });
      cpSync(join(installed, 'node_modules'), join(folder, 'node_modules'), { recursive: true });
      for (const name of ['react', 'react-dom', 'ai', '@ai-sdk', '@types'])
        symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
      await use(folder);
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  /** Opens an example with the tiny model: the plain page as it is, the others as Vite bundles them, under that policy. */
  open: [
    async ({ folder }, use) => {
      const pages = examples.filter((name) => !/plain|next/.test(name)).map((name) => join(folder, name, 'index.html'));
      await build({ root: folder, configFile: false, logLevel: 'error', build: { rolldownOptions: { input: pages } } });
      const plain = await listening([
        ['/01-plain-page/node_modules/', join(folder, 'node_modules')],
        ['/', folder],
      ]);
      const bundled = await listening([['/', join(folder, 'dist')]], { 'Content-Security-Policy': POLICY.trim() });
      const model = tinyModel();
      await use(async (page, example, query = `model=${model}`) => {
        await page.route('**/favicon.ico', (route) => route.fulfill());
        const { url } = example.includes('plain') ? plain : bundled; // the plain page has its script inside
        await page.goto(`${url}${example}/?${query}`);
      });
      plain.close();
      bundled.close();
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

/** A reply of some hundred tokens, and a load before it, on a busy machine. */
const PATIENT = { timeout: 120_000 };

/** Waits for any text, white space too, which comes only with what follows it. */
const said = (place: Locator) =>
  expect.poll(async () => (await place.allTextContents()).join('').length, PATIENT).toBeGreaterThan(0);

// one after the other: they are built once, and the browser keeps what was measured of the device
/** In short runs those that no other test has like it: each loads a model. */
const step = (name: string, body: () => Promise<void>) =>
  full || /^0[156]/.test(name) ? test.step(name, body) : Promise.resolve();

test('01 to 07 on the device', async ({ page, context, open, log }) => {
  await step('01 plain page', async () => {
    await open(page, '01-plain-page');
    await page.getByRole('button', { name: 'Ask' }).click();
    await said(page.locator('#answer'));
    await page.locator('#stop').evaluate((button: HTMLButtonElement) => button.click()); // whether or not it has ended
    await expect(page.locator('#status')).toHaveText(/Stopped|Ready/);
  });

  await step('02 React', async () => {
    await open(page, '02-react');
    await page.getByRole('button', { name: 'Ask' }).click();
    await expect(page.locator('[data-role=user]')).toHaveText('How many primes are there below 30?');
    await said(page.locator('[data-role=assistant]'));
  });

  await step('04 AI SDK', async () => {
    await open(page, '04-ai-sdk');
    await said(page.locator('p'));
    await expect(page.locator('#answer')).not.toContainText('Error');
  });

  await step('05 structured output', async () => {
    await open(page, '05-structured-output');
    await expect(page.locator('#answer')).not.toBeEmpty();
    const review = JSON.parse(await page.locator('#answer').innerText()) as { sentiment: string; stars: number };
    expect(['positive', 'negative', 'mixed']).toContain(review.sentiment);
    expect([1, 2, 3, 4, 5]).toContain(review.stars);
    expect(Object.keys(review)).toHaveLength(2);
  });

  await step('06 tools', async () => {
    await open(page, '06-tools');
    await expect(page).toHaveTitle('Done');
    const [call, ...rest] = await page.locator('#log li').allInnerTexts();
    expect(call).toMatch(/^temperature\(\{"city": ?"(Berlin|Madrid|Oslo)"\}\) gave \{"city":"\1","celsius":\d+\}$/);
    expect(rest.at(-1)).toMatch(/^answer: /);
  });

  await step('07 several tabs', async () => {
    await open(page, '07-several-tabs');
    await expect(page.locator('#status')).toHaveText('Ready');
    const other = await context.newPage();
    const requests: string[] = [];
    other.on('request', (request) => requests.push(new URL(request.url()).pathname));
    await open(other, '07-several-tabs');
    await expect(other.locator('#status')).toHaveText('Ready');
    expect(
      requests.filter((path) => /\.(gguf|wasm)$/.test(path)),
      'the first one has it all',
    ).toEqual([]);

    const button = other.getByRole('button');
    const answer = other.locator('#answer');
    await button.click();
    await said(answer);
    await expect(button).toBeEnabled(PATIENT);
    await page.close();
    await button.click();
    await expect(button).toBeDisabled();
    await expect(button, 'from an engine of its own').toBeEnabled(PATIENT);
    await said(answer);
    expect(requests.some((path) => path.endsWith('.wasm'))).toBe(true);
  });

  const probe = /TrustedScript' assignment/; // of a package in the AI SDK, which goes on without eval
  expect(log.problems.filter((problem) => !probe.test(problem))).toEqual([]);
});

test('08 remote', async ({ page, open }) => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const body = `${chunk({ role: 'assistant', reasoning_content: 'Up to 29.' })}${chunk({ content: 'Ten.' })}${chunk({}, 'stop')}data: [DONE]\n\n`;
  await page.route('**/v1/chat/completions', (route) => {
    expect(route.request().postDataJSON()).toMatchObject({ stream: true, messages: [{ role: 'user' }] });
    return route.fulfill({ contentType: 'text/event-stream', body });
  });
  await open(page, '08-remote', 'server=/v1');
  await expect(page).toHaveTitle('Done');
  await expect(page.locator('#where')).toHaveText(/\/v1$/);
  await expect(page.locator('#reasoning')).toHaveText('Up to 29.');
  await expect(page.locator('#answer')).toHaveText('Ten.');
});

test('all of them compile under tsc --strict, Next too, and would not if they were wrong', ({ folder }) => {
  const right = readFileSync(join(folder, '05-structured-output/main.ts'), 'utf8');
  writeFileSync(join(folder, 'wrong.ts'), right.replace("type: 'json_schema', json", "type: 'json', json"));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { cwd: folder, encoding: 'utf8' });
  expect(stdout.trim().split(/\n(?! )/)).toEqual([
    expect.stringMatching(/^wrong\.ts.*: No overload matches this call/),
  ]);
});
