// How fast a kept model is on this device: loaded, then asked three times for the same.

import { signal } from '@preact/signals';
import {
  type ChatCompletion,
  createEngine,
  type Engine,
  EngineAbortError,
  type EngineInfo,
  type KeptModel,
  type LoadProgress,
} from 'minke';
import { nameOf } from '../model/names';
import { share } from '../model/progress';
import { type Problem, problemOf } from './problem';

type Usage = ChatCompletion['usage'];

const REPLY_TOKENS = 64;
const CONTEXT = 1024;

/** About 250 tokens. Each run has a beginning of its own, so that none finds the prompt of another in the cache. */
export const BEGINNINGS = ['Early', 'Later', 'Finally'];
const STORY =
  `in the morning the harbour was quiet, and the three boats that had come in overnight lay side by side along the
stone quay. The oldest of them carried salt and rope, the second one barley, and the third, which was painted green, carried
nothing but letters. Nobody in the village had ordered any letters, and so the people stood about and wondered who might have
written them. A girl of nine asked whether she could open one. Her grandfather, who had once sailed round the cape and back in
a single winter, said that a letter belongs to the name that is written on it, and that it is better to wait for an answer than
to take it. So they waited. The tide went out and came in again, gulls walked along the ropes, and towards the evening a man in
a long coat came down the hill with a lamp. He counted the sacks, read each of the names aloud, and shook his head at every one
of them. Then he reached the last letter, held it close to the light, and began to laugh. What he read there was a short list of
numbers, 3, 14, 15, 92 and 65, and below it a question about the height of the lighthouse. Explain what the numbers may mean,
and how one could measure the lighthouse with a stick and its shadow.`.replaceAll('\n', ' ');

export interface Measures {
  model: string;
  info: EngineInfo;
  /** Seconds. */
  load: number;
  promptTokens: number;
  replyTokens: number;
  /** Medians of the runs, in tokens a second and milliseconds. */
  prompt: number;
  reply: number;
  first: number;
  on: number;
}

export type Run =
  | { state: 'loading'; part: number | null; cancel: () => void }
  | { state: 'running'; run: number; cancel: () => void }
  | { state: 'failed'; problem: Problem }
  | { state: 'done'; measures: Measures };

export const run = signal<Run | undefined>(undefined);

export async function benchmark({ id, url }: KeptModel): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const cancel = () => controller.abort();
  let engine: Engine | undefined;
  run.value = { state: 'loading', part: null, cancel };
  try {
    const start = performance.now();
    const onProgress = (progress: LoadProgress) => {
      run.value = { state: 'loading', part: share(progress), cancel };
    };
    engine = await createEngine({ model: { id }, nCtx: CONTEXT, signal, onProgress });
    const load = (performance.now() - start) / 1000;
    const usages = await ask(engine, signal, (index) => {
      run.value = { state: 'running', run: index + 1, cancel };
    });
    const { info } = engine;
    run.value = { state: 'done', measures: { model: nameOf(url), info, load, ...mediansOf(usages), on: Date.now() } };
  } catch (error) {
    const failed: Run = { state: 'failed', problem: problemOf(error, location.href) };
    run.value = error instanceof EngineAbortError ? undefined : failed;
  } finally {
    await engine?.dispose();
  }
}

/** Asks once for each beginning; what the replies took. */
async function ask(engine: Engine, signal: AbortSignal, onRun: (index: number) => void): Promise<Usage[]> {
  const usages: Usage[] = [];
  for (const [index, beginning] of BEGINNINGS.entries()) {
    onRun(index);
    const messages = [{ role: 'user' as const, content: `${beginning} ${STORY}` }];
    const request = { messages, max_tokens: REPLY_TOKENS, temperature: 0, signal };
    usages.push((await engine.chat.completions.create(request)).usage);
  }
  return usages;
}

function mediansOf(usages: readonly Usage[]) {
  const median = (value: (usage: Usage) => number | null) =>
    usages.map((usage) => value(usage) ?? 0).sort((a, b) => a - b)[Math.floor(usages.length / 2)] ?? 0;
  return {
    promptTokens: median(({ prompt_tokens }) => prompt_tokens),
    replyTokens: median(({ completion_tokens }) => completion_tokens),
    prompt: median(({ timings }) => timings.prefill_tokens_per_second),
    reply: median(({ timings }) => timings.decode_tokens_per_second),
    first: median(({ timings }) => timings.time_to_first_token_ms),
  };
}

/** The browser by name and version, without all that user agent strings pretend. */
export function browserName(): string {
  const { userAgentData } = navigator as { userAgentData?: { brands: { brand: string; version: string }[] } };
  const brand = userAgentData?.brands.findLast(({ brand }) => !/not.a.brand|not[^a-z]*a[^a-z]*brand/i.test(brand));
  if (brand) return `${brand.brand} ${brand.version}`;
  const [, name, version] = /(Firefox|Version|Chrome)\/(\d+)/.exec(navigator.userAgent) ?? [];
  return name === undefined ? navigator.userAgent : `${name === 'Version' ? 'Safari' : name} ${version}`;
}
