// What a context costs in memory, by the plan for a model that this browser keeps: nothing is asked of the network.

import { signal } from '@preact/signals';
import { EngineError, plan } from 'minke';
import type { LoadSettings } from './settings';

type Kv = LoadSettings['kv'];

/** How keys and values may be kept: what is not among these is either never smaller or never exact. */
export const KV_CHOICES = {
  exact: null,
  values: { keys: 'f32', values: 'q8_0' },
  small: 'q8_0',
  full: 'f32',
} as const satisfies Record<string, Kv>;

export type KvChoice = keyof typeof KV_CHOICES;

export const sameKv = (one: Kv, other: Kv): boolean => JSON.stringify(one) === JSON.stringify(other);

/** What one way of keeping them costs a model. */
interface Cost {
  bytesPerPosition: number;
  /** Positions that fit this device. */
  largest: number;
  /** Positions that the model was made for. */
  trained: number;
}

/** By choice; what cannot be had for this model is `refused`. */
export type Costs = Partial<Record<KvChoice, Cost | 'refused'>>;

/** The costs of the model that was asked for last; they come one after the other. */
export const costs = signal<{ model: string; known: Costs; problem?: string } | undefined>(undefined);

/** Has the costs of a kept model found out, unless they are known. */
export async function findCosts(model: string): Promise<void> {
  if (costs.value?.model === model) return;
  costs.value = { model, known: {} };
  for (const choice of Object.keys(KV_CHOICES) as KvChoice[]) {
    const found = await costOf(model, KV_CHOICES[choice]).catch((error: Error) => error);
    if (costs.value.model !== model) return; // another was asked for meanwhile
    const { known }: { known: Costs } = costs.value;
    if (found instanceof Error) costs.value = { model, known, problem: found.message };
    else costs.value = { model, known: { ...known, [choice]: found } };
  }
}

async function costOf(model: string, kv: Kv): Promise<Cost | 'refused'> {
  try {
    const { memory, largestCtx, model: facts } = await plan({ model: { id: model }, ...(kv !== null && { kv }) });
    const bytesPerPosition = memory.kv_cache / Math.max(1, memory.n_ctx);
    return { bytesPerPosition, largest: largestCtx, trained: facts.nCtxTrain };
  } catch (error) {
    if (error instanceof EngineError && error.code === 'unsupported') return 'refused';
    throw error;
  }
}
