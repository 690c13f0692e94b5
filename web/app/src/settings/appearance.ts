// How the app looks, kept in localStorage because it is needed before anything is painted.

import { effect, signal } from '@preact/signals';
import { type Language, LANGUAGES } from '../text/languages';
import { type Checks, fieldsOf, oneOf, readStored, writeStored } from '../stored';

export const THEMES = ['system', 'light', 'dark'] as const;
export const TEXT_SIZES = ['small', 'medium', 'large'] as const;

export interface Appearance {
  /** Undefined: as the browser says. */
  language?: Language | undefined;
  theme: (typeof THEMES)[number];
  textSize: (typeof TEXT_SIZES)[number];
}

const CHECKS: Checks<Appearance> = {
  language: oneOf(...Object.keys(LANGUAGES)),
  theme: oneOf(...THEMES),
  textSize: oneOf(...TEXT_SIZES),
};

export const FIRST_APPEARANCE: Appearance = { language: undefined, theme: 'system', textSize: 'medium' };

const KEY = 'minke.appearance';

export const appearance = signal<Appearance>({ ...FIRST_APPEARANCE, ...fieldsOf(readStored(KEY), CHECKS) });

export function changeAppearance(change: Partial<Appearance>): void {
  appearance.value = { ...appearance.value, ...change };
  writeStored(KEY, appearance.value);
}

effect(() => {
  const { theme, textSize } = appearance.value;
  Object.assign(document.documentElement.dataset, { theme, textSize });
});
