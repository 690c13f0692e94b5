// What a text costs of the context.

import { answerer } from '../model/model';

export interface Cost {
  tokens: number;
  /** Whether the model's own tokenizer counted; else it is an estimate. */
  exact: boolean;
}

/** Longer texts are more than any context here holds, and are not worth the time to count. */
const MOST_COUNTED = 2_000_000;
/** Of English, code, Chinese and Hindi alike, near enough, and rather too few than too many. */
const BYTES_PER_TOKEN = 3.5;
/** What is left for the answer, of a context that is not very small. */
const ANSWER = 1024;

export async function costOf(text: string): Promise<Cost> {
  const by = answerer.value;
  if (by?.where === 'device' && text.length <= MOST_COUNTED) {
    const tokens = await by.engine.countTokens(text).catch(() => undefined); // the model is put away meanwhile
    if (tokens !== undefined) return { tokens, exact: true };
  }
  return { tokens: Math.ceil(new Blob([text]).size / BYTES_PER_TOKEN), exact: false };
}

/** Tokens that there is room for in a conversation that has `taken` so many; undefined: a server's context is not known. */
export function roomBeside(taken: number): number | undefined {
  const by = answerer.value;
  if (by?.where !== 'device') return undefined;
  const { nCtx } = by.engine.info;
  return Math.max(0, Math.floor(nCtx - taken - Math.min(ANSWER, nCtx / 4)));
}
