// What createEngine takes, and what each option must be.

import { invalid } from './errors.js';
import { LoadControl } from './control.js';
import type { DeviceOptions, DownloadOptions, KvTypes, LoadProgress, ModelFile, Tuning } from './protocol.js';
import { isTrusted, type TrustedAddress } from './trusted.js';

/** A file of a model by its address, and what is known of it beforehand. */
export interface PinnedFile extends Omit<ModelFile, 'url'> {
  url: string | URL;
}

/**
 * A model: the id of a listed one (see `models`), a URL, a File or several that are one model, a kept one by its `id` (see
 * `listModels`), or its files with their hashes. Of a split model (`NAME-00001-of-0000N.gguf`) the first URL is enough.
 */
export type ModelSource =
  string | URL | Blob | readonly Blob[] | { id: string } | PinnedFile | { parts: readonly PinnedFile[] };

/** What everything that loads bytes of a model takes. */
export interface LoadOptions extends DownloadOptions {
  model: ModelSource;
  /** Aborts loading. What has come is kept. */
  signal?: AbortSignal | undefined;
  /** Hears how far the load is; at the end with the phase `ready`. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Pauses the download, and lets it go on. */
  control?: LoadControl | undefined;
  /**
   * Where worker.js is, if not beside this module. Where the page demands Trusted Types, a TrustedScriptURL.
   */
  workerUrl?: string | URL | TrustedAddress | undefined;
  /**
   * The worker itself, or better a function that makes one each time: its script is, or has, `import 'minke/worker'`. It ends
   * with the engine.
   */
  worker?: Worker | (() => Worker) | undefined;
  /** Where engine.wasm is, if not beside the worker. */
  wasmUrl?: string | URL | undefined;
  /** Where grammar.wasm is, if not beside the worker: it is loaded when a request first asks for a form. */
  grammarUrl?: string | URL | undefined;
}

/** What `createEngine` takes. Null counts as not given; an option that is not known is refused. */
export interface EngineOptions extends LoadOptions, DeviceOptions {
  /**
   * Whether tabs of this origin that load the same model share one engine: the first one has it and answers the others; when
   * it closes, another loads it again, and replies go on.
   */
  share?: boolean | undefined;
}

/** Where worker and wasm are, if not beside this module. */
export type Addresses = Pick<LoadOptions, 'worker' | 'workerUrl' | 'wasmUrl' | 'grammarUrl'>;

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

const flag: Rule = ['true or false', (value) => typeof value === 'boolean'];

const isFile = (value: unknown) => isUrl((Object(value) as { url?: unknown }).url);

function isModel(value: unknown): boolean {
  if (isUrl(value) || value instanceof Blob) return true;
  if (Array.isArray(value)) return value.length > 0 && value.every((file) => file instanceof Blob);
  const { id, parts } = Object(value) as { id?: unknown; parts?: unknown };
  return (typeof id === 'string' && id !== '') || isFile(value) || (Array.isArray(parts) && parts.every(isFile));
}

const isWorker = (value: unknown) => typeof Worker !== 'undefined' && value instanceof Worker;

const isHeaders = (value: unknown) =>
  Object(value) === value && Object.values(value as object).every((text) => typeof text === 'string');

const RULES: Record<keyof EngineOptions, Rule> = {
  model: [
    'the id of a listed model, the URL of a GGUF file, a File or several, { id } of a kept model, or { url, bytes, sha256 }',
    isModel,
  ],
  keep: ['true or false', (value) => typeof value === 'boolean'],
  mirror: ['a URL', isUrl],
  headers: ['an object of texts', isHeaders],
  control: ['a LoadControl', (value) => value instanceof LoadControl],
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
  onProgress: ['a function', (value) => typeof value === 'function'],
  worker: ['a Worker, or a function that returns one', (value) => isWorker(value) || typeof value === 'function'],
  workerUrl: ['a URL', (value) => isUrl(value) || isTrusted(value)],
  wasmUrl: ['a URL', isUrl],
  grammarUrl: ['a URL', isUrl],
  nCtx: ['a positive integer', (value) => Number.isInteger(value) && Number(value) > 0],
  kv: ['f32, f16 or q8_0, or { keys, values } with one of these each', isKv],
  share: flag,
  noF16: flag,
  noSubgroups: flag,
  defaultLimits: flag,
  tuning: ['like engine.info.device.tuning', isTuning],
};

/** The options that are given to a function, each checked. */
export function checkOptions(given: unknown, to = 'createEngine'): EngineOptions {
  if (typeof given !== 'object' || given === null) throw invalid('options', 'they must be an object with a model');
  const options = withoutNulls(given);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(RULES, name)) throw invalid(name, `${to} has no such option${suggestion(name)}`);
    const [words, fits] = RULES[name as keyof EngineOptions];
    if (!fits(value)) throw invalid(name, `it must be ${words}`);
  }
  if (!('model' in options)) throw invalid('model', `it is missing: it must be ${RULES.model[0]}`);
  return options as unknown as EngineOptions;
}

/** An object but for some of its properties. */
export function without<T extends object, K extends keyof T>(object: T, ...names: K[]): Omit<T, K> {
  const entries = Object.entries(object).filter(([name]) => !(names as PropertyKey[]).includes(name));
  return Object.fromEntries(entries) as Omit<T, K>;
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
