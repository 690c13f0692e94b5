// How much memory a model takes, and whether this device has it: a guess by its size, or a plan by the beginning of its file.

import { signal } from '@preact/signals';
import { type ModelPlan, plan } from 'minke';
import { listed } from '../model/names';
import { loadSettings } from '../settings/settings';
import { bytes } from '../text/format';
import { t } from '../text/text';
import type { Device } from '../welcome/device';
import { type Problem, problemOf } from './problem';
import { mirrorFor, outOfReach } from './reach';
import type { Row } from './rows';

/** Contexts to choose from, in tokens. */
export const CONTEXTS = [4096, 8192, 16_384, 32_768, 65_536, 131_072];

/** The context that memory is told for. */
export const nCtx = signal(CONTEXTS.find((size) => size >= (loadSettings.peek().nCtx ?? 8192)) ?? 8192);

export type Fit = { state: 'looking' } | { state: 'failed'; problem: Problem } | { state: 'known'; plan: ModelPlan };

/** What is known for the context that is chosen, by the models' addresses. */
export const fits = signal<ReadonlyMap<string, Fit>>(new Map());

export function chooseContext(size: number): void {
  nCtx.value = size;
  fits.value = new Map();
}

const put = (url: string, fit: Fit) => {
  fits.value = new Map(fits.value).set(url, fit);
};

/** Reads the beginning of the model's file, and asks the device for as much memory. */
export async function checkFit({ url, kept }: Row): Promise<void> {
  const size = nCtx.value;
  put(url, { state: 'looking' });
  let fit: Fit;
  try {
    const model = kept ? { id: kept.id } : url;
    fit = { state: 'known', plan: await plan({ model, nCtx: size, ...mirrorFor(url) }) };
  } catch (error) {
    fit = { state: 'failed', problem: problemOf(error, url) };
  }
  if (size === nCtx.value) put(url, fit);
}

/** Whether its file can be looked at from here. */
export const canCheck = ({ url, kept }: Row): boolean => kept?.complete === true || !outOfReach(url);

/** Bytes of a position's keys and values, as the listed models have them about: the larger the model, the more. */
const perPosition = (size: number) => 25_000 + 22e-6 * size;

/** About how much memory a file of this size takes with a context. */
export const estimate = (size: number, context: number): number => 1.04 * size + context * perPosition(size);

export type FitWord = 'fits' | 'tight' | 'too_big';

/** What the estimate means here; undefined where the browser does not tell how much memory there is. */
export function guess(size: number, context: number, { memory }: Device): FitWord | undefined {
  if (memory === null) return undefined;
  const part = estimate(size, context) / memory;
  return part < 0.5 ? 'fits' : part < 0.85 ? 'tight' : 'too_big';
}

/** Why a plan says what it says. */
export function reasonOf({ verdict, memory, largestCtx, device }: ModelPlan): string {
  const size = bytes(memory.total);
  const context = memory.n_ctx;
  if (!device) return t('models.fit.noGpu');
  if (verdict === 'too_big') return t('models.fit.tooBigWhy', { size: bytes(memory.weights) });
  if (verdict === 'fits') return t('models.fit.fitsWhy', { size, context });
  if (largestCtx < context) return t('models.fit.tightContext', { size, context, largest: largestCtx });
  return t('models.fit.tightWhy', { size, context });
}

/** The name of the smaller model that a plan has found. */
export const smallerOf = ({ smaller }: ModelPlan): string | undefined => listed.find(({ id }) => id === smaller)?.name;
