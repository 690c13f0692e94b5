// What a conversation is asked with: the defaults, and what one conversation has differently.

import { signal } from '@preact/signals';
import type { KvType, KvTypes, Overflow } from 'minke';
import { type Checks, fieldsOf, oneOf, readStored, writeStored } from '../stored';

export interface Settings {
  /** The system prompt; empty: none. */
  system: string;
  temperature: number;
  topP: number;
  /** 0: all. */
  topK: number;
  minP: number;
  /** 1: none. */
  repetitionPenalty: number;
  /** Most tokens of a reply; null: until the context is full. */
  maxTokens: number | null;
  /** Null: another one each time. */
  seed: number | null;
  thinking: (typeof THINKING)[number];
  /** Most tokens of thinking where `thinking` is `budget`. */
  thinkingBudget: number;
  overflow: Overflow;
}

/** What the model is loaded with; another choice loads it anew. */
export interface LoadSettings {
  /** Positions of the context; null: as many as the model has, or as fit. */
  nCtx: number | null;
  /** Null: the smallest that is exact. */
  kv: KvType | KvTypes | null;
}

/** What conversations are named by: their first words, or what the model makes of them. */
export type Titles = (typeof TITLES)[number];

export const THINKING = ['on', 'budget', 'off'] as const;
export const OVERFLOWS = ['slide', 'truncate-middle', 'error'] as const satisfies readonly Overflow[];
export const TITLES = ['words', 'model'] as const;

/** What DeepSeek recommends for R1. */
export const RECOMMENDED: Settings = {
  system: '',
  temperature: 0.6,
  topP: 0.95,
  topK: 0,
  minP: 0,
  repetitionPenalty: 1,
  maxTokens: null,
  seed: null,
  thinking: 'on',
  thinkingBudget: 4096,
  overflow: 'slide',
};

/** Between what a number may be chosen, and by which steps. */
export interface Range {
  low: number;
  high: number;
  step: number;
}

export const RANGES = {
  temperature: { low: 0, high: 2, step: 0.05 },
  topP: { low: 0.05, high: 1, step: 0.01 },
  topK: { low: 0, high: 200, step: 1 },
  minP: { low: 0, high: 0.5, step: 0.01 },
  repetitionPenalty: { low: 1, high: 2, step: 0.01 },
  maxTokens: { low: 1, high: 131_072, step: 1 },
  /** What every server takes too. */
  seed: { low: 0, high: 2_147_483_647, step: 1 },
  thinkingBudget: { low: 128, high: 32_768, step: 1 },
} satisfies Partial<Record<keyof Settings, Range>>;

/** Whether it is a number of the range; where the steps are whole, a whole one. */
export const isWithin = ({ low, high, step }: Range, value: unknown): boolean =>
  typeof value === 'number' && value >= low && value <= high && (step < 1 || Number.isInteger(value));

const within = (name: keyof typeof RANGES) => (value: unknown) => isWithin(RANGES[name], value);
const orNull = (fits: (value: unknown) => boolean) => (value: unknown) => value === null || fits(value);

const CHECKS: Checks<Settings> = {
  system: (value) => typeof value === 'string',
  temperature: within('temperature'),
  topP: within('topP'),
  topK: within('topK'),
  minP: within('minP'),
  repetitionPenalty: within('repetitionPenalty'),
  maxTokens: orNull(within('maxTokens')),
  seed: orNull(within('seed')),
  thinking: oneOf(...THINKING),
  thinkingBudget: within('thinkingBudget'),
  overflow: oneOf(...OVERFLOWS),
};

const isKvType = oneOf('f32', 'f16', 'q8_0');
const KV_CHECKS: Checks<KvTypes> = { keys: isKvType, values: isKvType };
const LOAD_CHECKS: Checks<LoadSettings> = {
  nCtx: orNull((value) => isWithin({ low: 256, high: 2 ** 20, step: 1 }, value)),
  kv: orNull((value) => isKvType(value) || Object.keys(fieldsOf(value, KV_CHECKS)).length === 2),
};

/** The settings among what was read from anywhere: each that makes sense. */
export const readSettings = (value: unknown): Partial<Settings> => fieldsOf(value, CHECKS);

const FIRST_LOAD: LoadSettings = { nCtx: null, kv: null };
const KEY = 'minke.settings';

interface Kept {
  defaults: Partial<Settings>;
  load: Partial<LoadSettings>;
  titles: Titles;
}

const kept = fieldsOf<Kept>(readStored(KEY), {
  defaults: (value) => typeof value === 'object',
  load: (value) => typeof value === 'object',
  titles: oneOf(...TITLES),
});
export const defaults = signal<Settings>({ ...RECOMMENDED, ...readSettings(kept.defaults) });
export const loadSettings = signal<LoadSettings>({ ...FIRST_LOAD, ...fieldsOf(kept.load, LOAD_CHECKS) });
/** What the model that answers was loaded with. */
export const loadedWith = signal<LoadSettings>(loadSettings.value);
export const titles = signal<Titles>(kept.titles ?? 'words');

function keep(): void {
  const all: Kept = { defaults: defaults.value, load: loadSettings.value, titles: titles.value };
  writeStored(KEY, all);
}

export function changeDefaults(change: Partial<Settings>): void {
  defaults.value = { ...defaults.value, ...change };
  keep();
}

export function changeLoadSettings(change: Partial<LoadSettings>): void {
  loadSettings.value = { ...loadSettings.value, ...change };
  keep();
}

export function changeTitles(to: Titles): void {
  titles.value = to;
  keep();
}

/** All as at the first visit; what it gives back undoes that. */
export function resetSettings(): () => void {
  const before = [defaults.value, loadSettings.value, titles.value] as const;
  const set = (...[settings, load, how]: typeof before | readonly [Settings, LoadSettings, Titles]) => {
    changeDefaults(settings);
    changeLoadSettings(load);
    changeTitles(how);
  };
  set(RECOMMENDED, FIRST_LOAD, 'words');
  return () => set(...before);
}

/** The settings of a conversation: its own, and the defaults for the rest. */
export const settingsOf = (own: Partial<Settings> | undefined): Settings => ({ ...defaults.value, ...own });

/** What a conversation has of its own after a change: only what differs from the defaults. */
export function ownSettings(own: Partial<Settings>, change: Partial<Settings>): Partial<Settings> {
  const differs = ([name, value]: [string, unknown]) => value !== defaults.value[name as keyof Settings];
  return Object.fromEntries(Object.entries({ ...own, ...change }).filter(differs)) as Partial<Settings>;
}
