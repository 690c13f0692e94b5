// The engine in the browser against golden vectors, the same as the native tests. The table at the end has a row for
// each of the eight tiers: what was checked, or what the adapter lacks for it. Text knows no tiers and is checked once;
// prompts of more than 200 tokens run with the adapter's own limits only, because they are slow.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../scripts/setup.mjs';
import type { DeviceOptions, KvType } from '../../web/src/protocol';
import { DEEPSEEK_HEAD, expect, readVectors, SMOLLM2, test, vectors } from './fixtures';
import * as golden from './golden';

const stems = (folder: string) => readdirSync(join(vectors, folder)).map((name) => name.replace('.json', ''));

const table: string[] = [];
test.afterAll(() => console.log(`vectors: ${vectors}\n${table.join('\n')}`));

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
  expect(sureSteps([3, 4, 5], [1, 0.01, 1], 0.02)).toEqual([3]);
});

interface KernelCase {
  rows: number;
  cols: number;
  kind: string;
  raw_hex: string;
  dequant_f32_hex: string;
  x_f32_hex: string;
  y: number[];
  y_abs: number[];
}

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const floats = (hex: string) => new Float32Array(bytes(hex).buffer);

/** As many tokens as fill more than one tile, each another multiple of x. */
const FACTORS = Array.from({ length: 70 }, (_, t) => 1 - 0.25 * t);

/** The worst error of matvec and matmul, in units of `y_abs`. */
async function checkKernels(page: Page): Promise<string> {
  let most = 0;
  const types = stems('kernels');
  for (const ty of types) {
    for (const { rows, cols, kind, ...want } of readVectors<KernelCase[]>(`kernels/${ty}.json`)) {
      const x = Float32Array.from(FACTORS.flatMap((f) => Array.from(floats(want.x_f32_hex), (v) => v * f)));
      const [y, ys, embedded] = await golden.runKernels(page, ty, rows, cols, bytes(want.raw_hex), x);
      const scaled = (values: number[], by: (f: number) => number) =>
        FACTORS.flatMap((f) => values.map((v) => v * by(f)));
      const error = Math.max(
        golden.worst(y, want.y, want.y_abs),
        golden.worst(
          ys,
          scaled(want.y, (f) => f),
          scaled(want.y_abs, Math.abs),
        ),
      );
      expect(error, `${ty} ${kind}`).toBeLessThanOrEqual(1e-5);
      const table = floats(want.dequant_f32_hex);
      const wanted = FACTORS.flatMap((_, t) => [...table.subarray((t % rows) * cols, ((t % rows) + 1) * cols)]);
      expect(golden.ulps(embedded, Float32Array.from(wanted)), `${ty} ${kind} embedded`).toBeLessThanOrEqual(1);
      most = Math.max(most, error);
    }
  }
  return `kernels of ${types.length} formats ${most.toExponential(1)}`;
}

interface LogitsCase {
  case: string;
  ids: number[];
  positions: number[];
  logits: number[][];
  greedy?: number[];
  greedy_margins?: number[];
}

/** The greedy tokens before the first that is nearly a tie. */
function sureSteps(tokens: number[], margins: number[], least: number): number[] {
  const tie = margins.findIndex((margin) => margin < least);
  return tie < 0 ? tokens : tokens.slice(0, tie);
}

/** How much wider the bounds are with each KV cache, as in tests/model.rs. */
const FACTORS_OF_KV = { f32: 1, f16: 10, q8_0: 640 };

/** The worst error of tiny models' logits with a KV cache of type `kv`. */
async function checkModels(
  page: Page,
  options: DeviceOptions,
  models: string[],
  kv: KvType,
  long: boolean,
): Promise<string> {
  let most = 0;
  let steps = 0;
  const factor = FACTORS_OF_KV[kv];
  for (const model of models) {
    await golden.loadModel(page, `/golden/models/${model}.gguf`, options, 512);
    for (const c of readVectors<{ cases: LogitsCase[] }>(`logits/${model}.json`).cases) {
      if (!long && c.ids.length > 200) continue;
      const error = golden.worst(await golden.logits(page, c.ids, c.positions), c.logits.flat());
      expect(error, `${model} ${c.case}`).toBeLessThanOrEqual(2e-3 * factor);
      const sure = sureSteps(c.greedy ?? [], c.greedy_margins ?? [], 0.02 * factor);
      if (sure.length > 0) expect(await golden.greedy(page, c.ids, sure), `${model} ${c.case} greedy`).toEqual(sure);
      most = Math.max(most, error);
      steps += sure.length;
    }
    await golden.freeModel(page);
  }
  return `${models.length} models ${most.toExponential(1)}${long ? '' : ', none long'} | ${steps} greedy tokens`;
}

for (const cache of ['f32', 'f16'])
  for (const subgroups of ['no', 'yes'])
    for (const limits of ['adapter', 'default']) {
      test(`kernels and tiny models, cache ${cache}, subgroups ${subgroups}, limits ${limits}`, async ({
        page,
        golden: url,
      }) => {
        await golden.open(page, url);
        const adapter = await golden.offers(page);
        const row = `| ${adapter.name} | cache ${cache} | subgroups ${subgroups.padEnd(3)} | limits ${limits} |`;
        const lacks = [];
        if (cache === 'f16' && !adapter.f16) lacks.push('shader-f16');
        if (subgroups === 'yes' && adapter.smallestSubgroup < 8)
          lacks.push(`subgroups of at least 8 (it has ${adapter.smallestSubgroup})`);
        const options = {
          noF16: cache === 'f32',
          noSubgroups: subgroups === 'no' || adapter.smallestSubgroup < 8,
          defaultLimits: limits === 'default',
          // as the native tiers: so that every kernel runs
          tuning:
            limits === 'default'
              ? ({ matmul: 'registers', invocations: 0xffffffff, attention: 'few' } as const)
              : ({ matmul: 'workgroup', invocations: 0, attention: 'many' } as const),
        };
        const caps = await golden.openKernels(page, options);
        const f16 = cache === 'f16' && adapter.f16;
        expect(caps).toMatchObject({ f16, kv: f16 ? 'f16' : 'f32', subgroups: !options.noSubgroups });
        if (lacks.length > 0) {
          table.push(`${row} the adapter lacks ${lacks.join(' and ')} |`);
          return;
        }
        const kernels = await checkKernels(page);
        const models = await checkModels(page, options, stems('logits'), caps.kv, limits === 'adapter');
        table.push(`${row} ${models} | ${kernels} |`);
      });
    }

for (const kv of ['f16', 'q8_0'] as const) {
  test(`a tiny model of each architecture, KV cache ${kv}, for which no feature is needed`, async ({
    page,
    golden: url,
  }) => {
    await golden.open(page, url);
    const options = { kv, noF16: true, noSubgroups: true };
    const models = ['llama', 'qwen2', 'qwen3'].flatMap((name) => stems('logits').find((s) => s.startsWith(name)) ?? []);
    table.push(`| every tier | cache ${kv} | ${await checkModels(page, options, models, kv, false)} |`);
  });
}

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
  table.push(`| every tier | ${tokenizers.length} tokenizer files | ${chats.length} template files |`);
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

interface SmolLM2Case {
  case: string;
  text: string;
  ids: number[];
  checks: { position: number; top20: [id: number, logprob: number, logit: number][] }[];
  greedy: number[];
  greedy_margins: number[];
}

const STEPS = 16;

test('SmolLM2: ids, log-probabilities and 16 greedy tokens of two prompts', async ({ page, golden: url }) => {
  await golden.open(page, url);
  await golden.openText(page, `/${SMOLLM2}`);
  await golden.loadModel(page, `/${SMOLLM2}`, { kv: 'f32', noSubgroups: true }, 256);
  const { cases } = readVectors<{ cases: SmolLM2Case[] }>('smollm2.json');
  // two prompts whose first 16 tokens are no near-ties, where texts may differ
  const sure = cases.filter((c) => sureSteps(c.greedy, c.greedy_margins, 0.02).length >= STEPS);
  for (const { case: name, text, ids, checks, greedy } of sure.slice(0, 2)) {
    expect(await golden.encode(page, [text], true), name).toEqual([ids]);
    const positions = checks.map((check) => check.position);
    const rows = await golden.logits(page, ids, positions);
    const n = rows.length / positions.length;
    for (const [i, { top20 }] of checks.entries()) {
      const row = rows.subarray(i * n, (i + 1) * n);
      const most = Math.max(...row);
      const logSum = most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0));
      const got = top20.map(([id]) => (row[id] ?? NaN) - logSum);
      const want = top20.map(([, logprob]) => logprob);
      expect(golden.worst(got, want), `${name} position ${i}`).toBeLessThanOrEqual(2e-3);
    }
    const tokens = greedy.slice(0, STEPS);
    expect(await golden.greedy(page, ids, tokens), `${name} greedy`).toEqual(tokens);
  }
});
