// Kernels, tiny models and a real one in the browser against golden vectors, the same as the native tests. Each of the
// eight tiers prints its row of a table: what was checked of which vectors, or what the adapter lacks for it. Prompts of
// more than 200 tokens run with the adapter's own limits only, because they are slow.

import type { Page } from '@playwright/test';
import type { DeviceOptions, KvType } from '../../web/src/protocol';
import { expect, readVectors, SMOLLM2, stems, test, vectors } from './fixtures';
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
      const sure = golden.sureSteps(c.greedy ?? [], c.greedy_margins ?? [], 0.02 * factor);
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
          console.log(`${row} the adapter lacks ${lacks.join(' and ')} |`);
          return;
        }
        const kernels = await checkKernels(page);
        const models = await checkModels(page, options, stems('logits'), caps.kv, limits === 'adapter');
        console.log(`${row} ${models} | ${kernels} | ${vectors} |`);
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
    console.log(`| every tier | cache ${kv} | ${await checkModels(page, options, models, kv, false)} |`);
  });
}

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
