// How the app looks, kept in localStorage because it is needed before anything is painted.

import { effect, signal } from '@preact/signals';
import type { Language } from '../text/text';

export interface Appearance {
  /** Undefined: as the browser says. */
  language?: Language;
  theme: 'system' | 'light' | 'dark';
  textSize: 'small' | 'medium' | 'large';
}

const KEY = 'minke.appearance';

function read(): Partial<Appearance> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Appearance>;
  } catch {
    return {}; // storage is forbidden, or what lies there is not ours
  }
}

export const appearance = signal<Appearance>({ theme: 'system', textSize: 'medium', ...read() });

export function changeAppearance(change: Partial<Appearance>): void {
  appearance.value = { ...appearance.value, ...change };
  try {
    localStorage.setItem(KEY, JSON.stringify(appearance.value));
  } catch {
    // it holds for this visit
  }
}

effect(() => {
  const { theme, textSize } = appearance.value;
  Object.assign(document.documentElement.dataset, { theme, textSize });
});
