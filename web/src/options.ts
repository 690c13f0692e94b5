// What createEngine takes, and what each option must be.

import { EngineError } from './errors.js';
import type { DeviceOptions, KvTypes, LoadProgress, Tuning } from './protocol.js';

/** What `createEngine` takes. Null counts as not given; an option that is not known is refused. */
export interface EngineOptions extends DeviceOptions {
  /** A URL, a File or Blob, or the id of a listed model (see `models`). */
  model: string | URL | Blob;
  /** Aborts loading. */
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Where worker.js is, if not beside this module. */
  workerUrl?: string | URL | undefined;
  /** Where engine.wasm is, if not beside the worker. */
  wasmUrl?: string | URL | undefined;
}

/** What an option must be, in words and as a test. */
type Rule = [words: string, fits: (value: unknown) => boolean];

const isUrl = (value: unknown) => (typeof value === 'string' && value !== '') || value instanceof URL;
const isKvType = (value: unknown) => value === 'f32' || value === 'f16' || value === 'q8_0';

/** Whether it is a KV cache's type, or two of them. */
function isKv(value: unknown): boolean {
  const { keys, values } = Object(value) as Partial<KvTypes>;
  return isKvType(value) || (isKvType(keys) && isKvType(values));
}

export function isTuning(value: unknown): value is Tuning {
  const { matmul, invocations, attention, dots } = Object(value) as { [key in keyof Tuning]: unknown };
  return (
    (matmul === 'workgroup' || matmul === 'registers') &&
    (attention === 'many' || attention === 'few') &&
    (dots === 'floats' || dots === 'bytes') &&
    typeof invocations === 'number' &&
    Number.isInteger(invocations) &&
    invocations >= 0 &&
    invocations <= 2 ** 20
  );
}

const url: Rule = ['a URL', isUrl];
const flag: Rule = ['true or false', (value) => typeof value === 'boolean'];

const RULES: Record<keyof EngineOptions, Rule> = {
  model: [
    'the id of a listed model, the URL of a GGUF file, or a File',
    (value) => isUrl(value) || value instanceof Blob,
  ],
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
  onProgress: ['a function', (value) => typeof value === 'function'],
  workerUrl: url,
  wasmUrl: url,
  nCtx: ['a positive integer', (value) => Number.isInteger(value) && Number(value) > 0],
  kv: ['f32, f16 or q8_0, or { keys, values } with one of these each', isKv],
  noF16: flag,
  noSubgroups: flag,
  defaultLimits: flag,
  tuning: ['like engine.info.device.tuning', isTuning],
};

/** The options that are given, each checked. */
export function checkOptions(given: unknown): EngineOptions {
  const refuse = (param: string, problem: string) => new EngineError('invalid_request', `${param}: ${problem}`);
  if (typeof given !== 'object' || given === null) throw refuse('options', 'they must be an object with a model');
  const options = withoutNulls(given);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(RULES, name)) throw refuse(name, `createEngine has no such option${suggestion(name)}`);
    const [words, fits] = RULES[name as keyof EngineOptions];
    if (!fits(value)) throw refuse(name, `it must be ${words}`);
  }
  if (!('model' in options)) throw refuse('model', `it is missing: it must be ${RULES.model[0]}`);
  return options as unknown as EngineOptions;
}

/** Callers write null for "not given", as OpenAI's clients do. */
export function withoutNulls(given: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));
}

/** The option that `name` may have meant, or all of them. */
function suggestion(name: string): string {
  const known = Object.keys(RULES);
  const [nearest] = known
    .map((option) => [likeness(name, option), option] as const)
    .sort(([first], [second]) => second - first);
  return nearest && nearest[0] > 0.4 ? `: did you mean ${nearest[1]}?` : ` (there are ${known.join(', ')})`;
}

/** Dice's coefficient of two names' pairs of neighbouring letters: 1 where all are the same. */
function likeness(a: string, b: string): number {
  const [first, second] = [a, b].map((name) => {
    const letters = name.toLowerCase().slice(0, 40);
    return new Set([...letters].slice(1).map((_, i) => letters.slice(i, i + 2)));
  }) as [Set<string>, Set<string>];
  const common = [...first].filter((pair) => second.has(pair)).length;
  return (2 * common) / (first.size + second.size);
}
