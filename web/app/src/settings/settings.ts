// What a conversation is asked with: the defaults, and what one conversation has differently.

import { signal } from '@preact/signals';
import type { KvType, Overflow } from 'minke';

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
  thinking: 'on' | 'off' | 'budget';
  /** Most tokens of thinking where `thinking` is `budget`. */
  thinkingBudget: number;
  overflow: Overflow;
}

/** What the model is loaded with; another choice loads it anew. */
export interface LoadSettings {
  /** Positions of the context; null: as many as the model has, or as fit. */
  nCtx: number | null;
  /** Null: the smallest that is exact. */
  kv: KvType | null;
}

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

const KEY = 'minke.settings';
interface Kept {
  defaults: Partial<Settings>;
  load: LoadSettings;
  titles: Titles;
}

/** How conversations get their titles: by the first words, or by the model. */
export type Titles = 'words' | 'model';

function read(): Partial<Kept> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>;
  } catch {
    return {};
  }
}

const kept = read();
export const defaults = signal<Settings>({ ...RECOMMENDED, ...kept.defaults });
export const loadSettings = signal<LoadSettings>({ nCtx: null, kv: null, ...kept.load });
export const titles = signal<Titles>(kept.titles ?? 'words');

function keep(): void {
  try {
    const now: Kept = { defaults: defaults.value, load: loadSettings.value, titles: titles.value };
    localStorage.setItem(KEY, JSON.stringify(now));
  } catch {
    // they hold for this visit
  }
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

/** The settings of a conversation: its own, and the defaults for the rest. */
export const settingsOf = (own: Partial<Settings> | undefined): Settings => ({ ...defaults.value, ...own });
