// Kernels, tiny models and a real one in the browser against golden vectors, the same as the native tests: what
// tests/coverage.json says, or all of everything in each tier (MINKE_TEST_FULL). Each tier prints its row of a table, and is
// skipped where the adapter lacks what it is about. Prompts of more than 50 tokens are slow, and run in full runs only.

import type { Page } from '@playwright/test';
import type { DeviceOptions, KvType, KvTypes } from '../../web/src/protocol';
import { chromiumRows, expect, full, readVectors, SMOLLM2, stems, test, vectors } from './fixtures';
import * as golden from './golden';

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

/** Formats of a test. */
const FORMATS = 3;

/** The cases of a format; in a short run those for which nothing is compiled anew. */
function kernelCases(ty: string): KernelCase[] {
  const [first, ...others] = readVectors<KernelCase[]>(`kernels/${ty}.json`);
  if (!first) throw new Error(`${ty} has no case`);
  return [first, ...others.filter(({ rows, cols }) => full || (rows === first.rows && cols === first.cols))];
}

/** The worst error of matvec and matmul, in units of `y_abs`. */
async function checkKernels(page: Page, ty: string, rowTile: number): Promise<number> {
  let most = 0;
  for (const { rows, cols, kind, ...want } of kernelCases(ty)) {
    const x = Float32Array.from(FACTORS.flatMap((f) => Array.from(floats(want.x_f32_hex), (v) => v * f)));
    const [y, ys, embedded] = await golden.runKernels(page, ty, rows, cols, bytes(want.raw_hex), x, rowTile);
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
  return most;
}

interface LogitsCase {
  case: string;
  ids: number[];
  positions: number[];
  logits: number[][];
  greedy?: number[];
  greedy_margins?: number[];
}

/** How much wider the bounds are with each type in the KV cache, as in the native tests. */
const FACTORS_OF_KV: Record<KvType, number> = { f32: 1, f16: 10, q8_0: 640 };
const factorOf = ({ keys, values }: KvTypes) => Math.max(FACTORS_OF_KV[keys], FACTORS_OF_KV[values]);

/** A tiny model's address and its reference. */
interface Tiny {
  name: string;
  url: string;
  cases: LogitsCase[];
}

const tiny = (name: string, folder = 'logits', models = 'models'): Tiny => ({
  name,
  url: `/golden/${models}/${name}.gguf`,
  ...readVectors<{ cases: LogitsCase[] }>(`${folder}/${name}.json`),
});
const tinyModels = () => stems('logits').map((name) => tiny(name));
const OUTLIERS = () => tiny('qwen2-kbias-tied', 'outliers', 'outliers');

/** The worst error of a tiny model's logits, how many greedy tokens were golden's, and what the engine says of its cache. */
async function measure(page: Page, { name, url, cases }: Tiny, options: DeviceOptions) {
  await golden.loadModel(page, url, options, 512);
  const { tier, kv } = await golden.modelInfo(page);
  let [error, steps] = [0, 0];
  for (const c of cases.filter(({ ids }) => full || ids.length <= 50)) {
    const off = golden.worst(await golden.logits(page, c.ids, c.positions), c.logits.flat());
    const sure = golden.sureSteps(c.greedy ?? [], c.greedy_margins ?? [], Math.max(0.02 * factorOf(kv), 2 * off));
    const some = sure.slice(0, full ? undefined : 8);
    if (some.length > 0) expect(await golden.greedy(page, c.ids, some), `${name} ${c.case} greedy`).toEqual(some);
    error = Math.max(error, off);
    steps += some.length;
  }
  await golden.freeModel(page);
  return { error, steps, tier, kv };
}

for (const row of chromiumRows) {
  const { noSubgroups = false, defaultLimits = false, tuning } = row.options;
  const limits = defaultLimits ? 'default' : 'adapter';
  const tier = `subgroups ${noSubgroups ? 'no' : 'yes'}, limits ${limits}, matmul ${tuning?.matmul}, dots ${tuning?.dots}`;

  /** Opens the tier's device; skips the test where the adapter has none. */
  const openTier = async (page: Page, url: string): Promise<string> => {
    await golden.open(page, url);
    const { name, smallestSubgroup } = await golden.offers(page);
    const lacks = !noSubgroups && smallestSubgroup < 8;
    test.skip(lacks, `${name} has no subgroups of at least 8, but of ${smallestSubgroup}`);
    const caps = await golden.openKernels(page, row.options);
    expect(caps).toMatchObject({ subgroups: !noSubgroups, tuning });
    return `| ${name} | ${tier} |`;
  };

  // a few formats a test, so that none takes minutes
  for (let first = 0; first < row.formats.length; first += FORMATS) {
    const formats = row.formats.slice(first, first + FORMATS);
    test(`kernels, ${tier}: ${formats.join(', ')}`, async ({ page, golden: url }) => {
      const tierRow = await openTier(page, url);
      let most = 0;
      for (const [i, ty] of formats.entries())
        most = Math.max(most, await checkKernels(page, ty, row.row_tiles[i % row.row_tiles.length] ?? 0));
      console.log(`${tierRow} kernels of ${formats.join(', ')}: ${most.toExponential(1)} | ${vectors} |`);
    });
  }

  // a full run has each architecture wherever it has each format
  const every = full && row.formats.length > 0;
  for (const architecture of every ? ['llama', 'qwen2', 'qwen3'] : row.architectures) {
    const own = row.architectures.includes(architecture) ? row.kv : [];
    const kvs = every && !own.includes('f32') ? [...own, 'f32' as const] : own;
    for (const [i, kv] of kvs.entries()) {
      const models = tinyModels().filter(({ name }) => name.startsWith(architecture));
      for (const model of full ? models : models.slice(i, i + 1))
        test(`${model.name}, ${tier}, KV cache ${JSON.stringify(kv)}`, async ({ page, golden: url }) => {
          const tierRow = await openTier(page, url);
          const { error, steps, ...info } = await measure(page, model, { ...row.options, kv });
          console.log(`${tierRow} ${info.tier} | ${model.name}: ${error.toExponential(1)} | ${steps} greedy tokens |`);
          expect(info.kv).toEqual(typeof kv === 'string' ? { keys: kv, values: kv } : kv);
          expect(error).toBeLessThanOrEqual(2e-3 * factorOf(info.kv));
        });
    }
  }
}

test('keys with large biases are kept in f32 by default', async ({ page, golden: url }) => {
  await golden.open(page, url);
  const row = chromiumRows.find(({ options }) => options.noSubgroups);
  const errors = [];
  for (const kv of [undefined, 'f16'] as const) {
    const { error, ...info } = await measure(page, OUTLIERS(), { ...row?.options, ...(kv && { kv }) });
    console.log(`| ${info.tier} | outliers: ${error.toExponential(1)} |`);
    if (!kv) expect(info.kv).toEqual({ keys: 'f32', values: 'f16' });
    errors.push(error);
  }
  const [byDefault, half] = errors;
  expect(byDefault).toBeLessThanOrEqual(2e-2);
  expect(half, 'keys in f16').toBeGreaterThan(2e-2);
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

test('SmolLM2: ids, log-probabilities and greedy tokens', async ({ page, golden: url }) => {
  test.skip(!full, 'a minute of a real model: npm run test:full');
  await golden.open(page, url);
  await golden.openText(page, `/${SMOLLM2}`);
  await golden.loadModel(page, `/${SMOLLM2}`, { kv: 'f32', noSubgroups: true }, 256);
  const { cases } = readVectors<{ cases: SmolLM2Case[] }>('smollm2.json');
  // prompts whose first tokens are no near-ties, where texts may differ
  const sure = cases.filter((c) => golden.sureSteps(c.greedy, c.greedy_margins, 0.02).length >= STEPS);
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
