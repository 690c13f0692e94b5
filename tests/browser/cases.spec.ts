// What public bug reports and fuzzing showed (../shared/cases), in the browser as natively: templates, replies of scripted
// models, templates that mean harm; and devices that have no more memory.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { string, write } from '../../scripts/gguf.mjs';
import { root } from '../../scripts/setup.mjs';
import { expect, test, vectors } from './fixtures';
import * as golden from './golden';

const folder = join(root, '../shared/cases');
const skipWithoutCases = () => test.skip(!existsSync(folder), `${folder} is not there`);

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const readCases = <T>(name: string): T => JSON.parse(read(name)) as T;

/** Numbers as they are written, which JavaScript does not keep: 1.0 is not 1 to a template. */
const quoteNumbers = (json: string) =>
  json.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.startsWith('"') ? token : `"#${token}"`,
  );
const unquoteNumbers = (json: string) => json.replace(/"#(-?\d[^"]*)"/g, '$1');

interface TemplateCase {
  name: string;
  template: string;
  messages: object[];
  tools?: object[] | null;
  bos_token?: string;
  eos_token?: string;
  add_generation_prompt: boolean;
  expected: string;
  expected_error?: string[];
  open?: string;
}

const u32 = (n: number) => Buffer.from(Uint32Array.of(n).buffer);
const array = (type: number, items: Buffer[]) =>
  Buffer.concat([u32(type), Buffer.from(BigUint64Array.of(BigInt(items.length)).buffer), ...items]);

/** A header with a SentencePiece vocabulary of special tokens, and a template. */
function header({ template, bos_token, eos_token = '<|endoftext|>' }: TemplateCase): Buffer {
  const tokens = ['<unk>', ...(bos_token ? [bos_token] : []), eos_token];
  const [STRING, ARRAY, U32, I32, F32] = [8, 9, 4, 5, 6];
  const entries: [string, number, Buffer][] = [
    ['tokenizer.ggml.model', STRING, string('llama')],
    ['tokenizer.ggml.tokens', ARRAY, array(STRING, tokens.map(string))],
    [
      'tokenizer.ggml.scores',
      ARRAY,
      array(
        F32,
        tokens.map(() => u32(0)),
      ),
    ],
    [
      'tokenizer.ggml.token_type',
      ARRAY,
      array(
        I32,
        tokens.map(() => u32(3)),
      ),
    ],
    ['tokenizer.ggml.eos_token_id', U32, u32(tokens.length - 1)],
    ...(bos_token ? [['tokenizer.ggml.bos_token_id', U32, u32(1)] as [string, number, Buffer]] : []),
    ['tokenizer.chat_template', STRING, string(template)],
  ];
  return write({ entries: entries.map(([key, type, value]) => ({ key, type, value })), tensors: [] });
}

/** Whether a prompt, or a refusal, is what a case wants. */
function isRight(c: TemplateCase, { prompt, error }: { prompt?: string; error?: string }): boolean {
  if (prompt !== undefined) return prompt === c.expected;
  return c.expected_error?.every((word) => error?.includes(word)) ?? false;
}

test('templates of bug reports render', async ({ page, golden: url }) => {
  skipWithoutCases();
  await golden.open(page, url);
  const cases = JSON.parse(quoteNumbers(read('templates.json'))) as TemplateCase[];
  expect(cases.length).toBeGreaterThan(10);
  const wrong = [];
  for (const c of cases) {
    const { name, messages, tools, add_generation_prompt, open } = c;
    const request = unquoteNumbers(JSON.stringify({ messages, tools: tools ?? null }));
    const got = await golden.prompt(page, header(c), request, add_generation_prompt);
    if (open) console.log(`open: ${name} (${open})`);
    else if (!isRight(c, got)) wrong.push(`${name}: ${JSON.stringify(got)}`);
  }
  expect(wrong).toEqual([]);
});

test('a spoiled prompt is rejected', () => {
  const c = { expected: 'a', expected_error: ['role'] } as unknown as TemplateCase;
  expect(isRight(c, { prompt: 'a' })).toBe(true);
  expect(isRight(c, { prompt: 'a ' })).toBe(false);
  expect(isRight(c, { error: 'the role' })).toBe(true);
  expect(isRight(c, { error: 'the tool' })).toBe(false);
});

test('hostile templates end in time and room', async ({ page, golden: url }) => {
  skipWithoutCases();
  await golden.open(page, url);
  const names = readdirSync(join(folder, 'fuzz')).filter((name) => /^t.*\.gguf$/.test(name));
  expect(names.length).toBeGreaterThan(8);
  const request = JSON.stringify({ messages: readCases('fuzz/m.json') });
  for (const name of names) {
    const before = await golden.heapBytes(page);
    const file = readFileSync(join(folder, 'fuzz', name));
    const { prompt, error, milliseconds } = await golden.prompt(page, file, request, true);
    const bytes = (await golden.heapBytes(page)) - before;
    console.log(`${name}: ${prompt?.length ?? error} in ${milliseconds.toFixed(0)} ms, ${bytes >> 20} MiB`);
    // three times the aim, which is for an idle machine
    expect(milliseconds, name).toBeLessThan(3000);
    expect(bytes, name).toBeLessThan(64 * 2 ** 20);
  }
});

interface ReplyCase {
  name: string;
  model: string;
  messages?: object[];
  raw?: boolean;
  prompt?: string;
  options: object;
  expected?: {
    text?: string;
    text_starts?: string;
    reasoning: string;
    finish_reason: string;
    prompt_tokens?: number[];
  };
  expected_error?: string[];
  open?: string;
}

test('scripted models reply, and a device without memory says so', async ({ page, golden: url }) => {
  skipWithoutCases();
  await golden.open(page, url);
  await golden.openEngine(page, {
    noSubgroups: true,
    tuning: { matmul: 'registers', invocations: 0, attention: 'few', dots: 'floats' },
  });
  const cases = readCases<ReplyCase[]>('replies.json').filter(({ open }) => !open);
  const models = new Set(cases.map(({ model }) => model));
  expect(models.size).toBeGreaterThan(10);
  for (const model of models) {
    const file = readFileSync(join(folder, `models/${model}.gguf`));
    expect(await golden.loadEngine(page, file), model).toBeUndefined();
    for (const { name, messages = [], options, raw, prompt, expected, expected_error } of cases.filter(
      (c) => c.model === model,
    )) {
      const request = JSON.stringify({ ...options, messages, temperature: 0 });
      const got = await golden.reply(page, request, raw ? prompt : undefined);
      if (expected_error) {
        for (const word of expected_error) expect(got.error, name).toContain(word);
        continue;
      }
      const { text, text_starts = text, ...others } = expected ?? {};
      expect(got.reply, `${name}: ${got.error}`).toMatchObject(text === undefined ? others : { ...others, text });
      expect(got.reply?.text.startsWith(text_starts ?? ''), name).toBe(true);
      expect(got.streamed, name).toBe(got.reply?.text);
    }
  }

  const file = readFileSync(join(vectors, 'refuse/control-qwen2.gguf'));
  const missed = new Set<string>();
  for (let memory = 0, enough = false; !enough; memory += Math.floor(memory / 8) + 1024) {
    const error = await golden.loadEngine(page, file, memory);
    enough = error === undefined;
    if (error) {
      expect(error).toEqual({ code: 'out_of_memory', message: expect.stringMatching(/memory for .+ \(\d+ bytes\)/) });
      missed.add(error.message);
      expect(await golden.liveBuffers(page), `after ${memory} bytes`).toBe(0);
    }
  }
  console.log(`where ${missed.size} sizes of memory end:`, [...missed]);
  expect(missed.size).toBeGreaterThan(4);
});

/** The engine as stream.mjs makes it: on a worker, which it does not start. */
const ENGINE = `
  import { Engine as RealEngine } from '/dist/engine.js';
  import { Link } from '/dist/link.js';
  export class Engine extends RealEngine {
    constructor(runner, model, info) {
      const loaded = { runner, info, stop: async () => {}, failure: ({ message }) => new Error(message) };
      super(new Link(loaded, info, async () => loaded), model);
    }
  }`;

/** stream.mjs, but for the usage: as OpenAI's API has it since, that comes only when asked for, in a chunk of its own. */
function streamScript(): string {
  const script = readFileSync(join(folder, 'stream.mjs'), 'utf8');
  const changed = script
    .replace('[undefined, null, { include_usage: true }]', '[undefined, null]')
    .replace(/check\('usage stands on the last.*/, `check('no usage unasked', chunks.every((c) => !c.usage), chunks);`);
  expect(changed.split('\n').filter((line, i) => line !== script.split('\n')[i])).toHaveLength(2);
  return changed;
}

/** Runs stream.mjs, which is written for Node, in a page: what it printed, and its exit status. */
async function runStream(page: Page, app: string): Promise<{ printed: string[]; status: number }> {
  const imports = { 'node:url': 'data:text/javascript,export const pathToFileURL = (path) => path;' };
  const html = `<!doctype html>
    <script type="importmap">${JSON.stringify({ imports })}</script>
    <script>
      const printed = [];
      console.log = (line) => printed.push(line);
      const ran = new Promise((resolve) => {
        globalThis.process = { argv: ['', '', '/engine.mjs'], exit: (status) => resolve({ printed, status }) };
      });
    </script>
    <script type="module" src="stream.mjs"></script>`;
  await page.route('**/stream.html', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await page.route('**/stream.mjs', (route) => route.fulfill({ contentType: 'text/javascript', body: streamScript() }));
  await page.route('**/engine.mjs', (route) => route.fulfill({ contentType: 'text/javascript', body: ENGINE }));
  await page.goto(`${app}stream.html`);
  return page.evaluate<{ printed: string[]; status: number }>('ran');
}

test('streams have their shape, and a spoiled one is rejected', async ({ page, app }) => {
  skipWithoutCases();
  const { printed, status } = await runStream(page, app);
  expect(printed).toEqual([expect.stringMatching(/^(\d{2,})\/\1 right$/)]);
  expect(status).toBe(0);

  await page.route('**/dist/replies.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({
      response,
      body: (await response.text()).replace(/role:\W?assistant\W?,content:(``|''|"")/, ''),
    });
  });
  const spoiled = await runStream(page, app);
  expect(spoiled.printed.at(0)).toContain('the role comes first');
  expect(spoiled.status).toBe(1);
});
