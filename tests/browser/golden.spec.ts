// The comparators, and the engine's text in the browser against golden vectors, the same as the native tests.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../scripts/setup.mjs';
import { DEEPSEEK_HEAD, expect, readVectors, SMOLLM2, stems, test, vectors } from './fixtures';
import * as golden from './golden';

test('the comparators reject a wrong, a missing and a non-numeric value', () => {
  expect(golden.worst([1, 2.01], [1, 2])).toBeGreaterThan(2e-3);
  expect(golden.worst([1], [1, 2])).toBe(Infinity);
  expect(golden.worst([NaN, 2], [1, 2])).toBe(Infinity);
  expect(golden.worst([1.000_01], [1], [2])).toBeLessThanOrEqual(1e-5);
  expect(golden.worst([1.000_1], [1], [2])).toBeGreaterThan(1e-5);
  expect(golden.worst([1e-20], [0], [0])).toBeGreaterThan(1e-5);
  const ulps = (got: number, want: number) => golden.ulps(Float32Array.of(got), Float32Array.of(want));
  expect([ulps(1, 1), ulps(0, -0), ulps(1 + 2 ** -23, 1), ulps(1 + 2 ** -22, 1)]).toEqual([0, 0, 1, 2]);
  expect(ulps(NaN, 1)).toBeGreaterThan(1);
  expect(golden.ulps(Float32Array.of(1), Float32Array.of(1, 2))).toBe(Infinity);
  expect(golden.sureSteps([3, 4, 5], [1, 0.01, 1], 0.02)).toEqual([3]);
});

interface TokenizerFile {
  bos: number;
  eos: number;
  add_bos: boolean;
  add_space_prefix?: boolean;
  eog_ids: number[];
  cases: { text: string; ids: number[]; ids_plain?: number[]; decoded_hex?: string; pieces_hex?: string[] }[];
}

interface ChatFile {
  template?: string;
  settings: { strftime_now?: string };
  cases: {
    case: string;
    template?: string;
    context: object;
    output?: string;
    error?: string;
    message?: string;
    ids?: number[];
  }[];
}

/** Where the GGUF file of a tokenizer or chat file is, if the set has it. */
function ggufOf(name: string): string | undefined {
  if (name === 'smollm2') return `/${SMOLLM2}`;
  if (name.startsWith('deepseek-r1')) return `/${DEEPSEEK_HEAD}`;
  const model = `models/${name.replace('tiny-', '')}.gguf`;
  return existsSync(join(vectors, model)) ? `/golden/${model}` : undefined;
}

async function checkTokenizer(page: Page, name: string, gguf: string): Promise<void> {
  const want = readVectors<TokenizerFile>(`tokenizer/${name}.json`);
  const { end_ids, ...info } = await golden.openText(page, gguf);
  expect(info, name).toEqual({ bos: want.bos, eos: want.eos, add_bos: want.add_bos });
  expect(want.eog_ids, name).toEqual(expect.arrayContaining(end_ids));
  const texts = want.cases.map((c) => c.text);
  const ids = want.cases.map((c) => c.ids);
  expect(await golden.encode(page, texts, true), name).toEqual(ids);
  const plain = want.cases.map((c) => c.ids_plain ?? c.ids);
  expect(await golden.encode(page, texts, false), `${name} plain`).toEqual(plain);
  const prefix = want.add_space_prefix ? ' ' : '';
  const pieces = await golden.pieces(page, ids);
  for (const [i, c] of want.cases.entries()) {
    const decoded = c.decoded_hex ?? Buffer.from(prefix + c.text).toString('hex');
    expect(pieces[i]?.join(''), `${name} decoded`).toBe(decoded);
    if (c.pieces_hex) expect(pieces[i], `${name} pieces`).toEqual(c.pieces_hex);
  }
}

async function checkChat(page: Page, name: string, gguf: string | undefined): Promise<void> {
  const file = readVectors<ChatFile>(`chat/${name}.json`);
  const now = file.settings.strftime_now ?? '2025-01-01T00:00:00';
  if (gguf) await golden.openText(page, gguf);
  for (const c of file.cases) {
    const template = c.template ?? file.template ?? '';
    const { output, error } = await golden.render(page, template, JSON.stringify(c.context), now);
    expect(output, `${name} ${c.case}: ${error}`).toBe(c.output);
    // of Python's own errors the words are Python's
    if (c.error) expect(error, `${name} ${c.case}`).toContain(c.error === 'TemplateError' ? c.message : '');
    if (gguf && c.ids && output !== undefined)
      expect(await golden.encode(page, [output], true), `${name} ${c.case}`).toEqual([c.ids]);
  }
}

test('tokenizers and chat templates', async ({ page, golden: url }) => {
  await golden.open(page, url);
  const tokenizers = stems('tokenizer');
  for (const name of tokenizers) {
    const gguf = ggufOf(name);
    if (!gguf) throw new Error(`no file has the vocabulary of ${name}`);
    await checkTokenizer(page, name, gguf);
  }
  const chats = stems('chat');
  for (const name of chats) await checkChat(page, name, ggufOf(name));
  console.log(`${vectors}: ${tokenizers.length} tokenizer files, ${chats.length} template files`);
});

test('a vocabulary of 152 k loads in 2.1 s and 100 kB of text are tokenized in 0.6 s', async ({
  page,
  golden: url,
}) => {
  await golden.open(page, url);
  const files = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'LICENSE-APACHE',
    'Cargo.lock',
    'package-lock.json',
  ];
  const text = files.map((name) => readFileSync(join(root, name), 'utf8')).join('');
  const times = await golden.textTimes(page, `/${DEEPSEEK_HEAD}`, text.slice(0, 100_000));
  const [load, encode] = [golden.median(times.map((t) => t.load)), golden.median(times.map((t) => t.encode))];
  console.log(`152 k vocabulary in ${load.toFixed(0)} ms, 100 kB of text in ${encode.toFixed(0)} ms (median of 3)`);
  // three times the aims, 700 ms and 200 ms, which are for an idle machine: what is logged says whether they are met
  expect(load).toBeLessThan(3 * 700);
  expect(encode).toBeLessThan(3 * 200);
});
