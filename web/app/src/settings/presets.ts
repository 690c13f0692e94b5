// Named sets of sampling values: those that come with the app, and the person's own.

import { signal } from '@preact/signals';
import { readSettings, RECOMMENDED, type Settings } from './settings';
import { readStored, writeStored } from '../stored';

/** The settings that a preset has. */
const NAMES = ['temperature', 'topP', 'topK', 'minP', 'repetitionPenalty', 'seed'] as const;

export type Sampling = Pick<Settings, (typeof NAMES)[number]>;

/** Only what a preset has of settings. */
export const samplingOf = (settings: Settings): Sampling =>
  Object.fromEntries(NAMES.map((name) => [name, settings[name]])) as Sampling;

const recommended = samplingOf(RECOMMENDED);

/** Those of the app. Their names are texts. */
export const PRESETS = {
  recommended,
  precise: { ...recommended, temperature: 0.5, topP: 0.9 },
  creative: { ...recommended, temperature: 1, topP: 0.98, minP: 0.05 },
  same: { ...recommended, temperature: 0, seed: 1 },
} satisfies Record<string, Sampling>;

export interface OwnPreset {
  name: string;
  values: Sampling;
}

const KEY = 'minke.presets';

/** What is kept, but for what makes no sense. */
function read(): OwnPreset[] {
  const list: unknown = readStored(KEY);
  return (Array.isArray(list) ? (list as unknown[]) : []).flatMap((item) => {
    const { name, values } = Object(item) as { [Name in keyof OwnPreset]?: unknown };
    if (typeof name !== 'string') return [];
    return [{ name, values: samplingOf({ ...RECOMMENDED, ...readSettings(values) }) }];
  });
}

export const ownPresets = signal<readonly OwnPreset[]>(read());

function change(presets: readonly OwnPreset[]): void {
  ownPresets.value = presets;
  writeStored(KEY, presets);
}

export function savePreset(name: string, settings: Settings): void {
  change([...ownPresets.value, { name, values: samplingOf(settings) }]);
}

export function renamePreset(preset: OwnPreset, name: string): void {
  change(ownPresets.value.map((other) => (other === preset ? { ...preset, name } : other)));
}

/** What it gives back brings it again. */
export function deletePreset(preset: OwnPreset): () => void {
  const before = ownPresets.value;
  change(before.filter((other) => other !== preset));
  return () => change(before);
}

/** Whether the settings are those of a preset. */
export const isOf = (values: Sampling, settings: Settings): boolean =>
  NAMES.every((name) => values[name] === settings[name]);
