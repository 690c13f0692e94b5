// The app's words, in the person's language: texts are in a JSON file each, the same keys in all.

import { computed, signal } from '@preact/signals';
import { appearance } from '../settings/appearance';
import type en from './en.json';
import { type Language, LANGUAGES } from './languages';

/** A text, or one for each of the language's plural categories of `count`. */
type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type TextKey = keyof typeof en;

export { LANGUAGES, type Language };

const files = import.meta.glob<{ default: Record<TextKey, Text> }>('./*.json');
const texts = signal<Partial<Record<TextKey, Text>>>({});

/** The language of the texts that are shown. */
export const language = signal<Language>('en');

/** The first of the browser's languages that there are texts in. */
function preferred(): Language {
  const known = Object.keys(LANGUAGES) as Language[];
  const family = (tag: string) => tag.toLowerCase().split('-')[0];
  return navigator.languages.map((tag) => known.find((own) => family(own) === family(tag))).find(Boolean) ?? 'en';
}

/** Fetches the texts of the chosen language, or else of the browser's, and turns the page to them. */
export async function loadTexts(): Promise<void> {
  const wanted = appearance.value.language ?? preferred();
  const file = files[`./${wanted}.json`];
  if (!file) throw new Error(`there are no texts in ${wanted}`);
  texts.value = (await file()).default;
  language.value = wanted;
  document.documentElement.lang = wanted;
  document.documentElement.dir = wanted === 'ar' ? 'rtl' : 'ltr';
}

const plurals = computed(() => new Intl.PluralRules(language.value));

/** A text with its {values} put in; `count` chooses the plural. Numbers are written as the language does. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const text = texts.value[key] ?? key;
  const { count } = values;
  const category = typeof count === 'number' ? plurals.value.select(count) : 'other';
  const form = typeof text === 'string' ? text : (text[category] ?? text.other ?? key);
  return form.replace(/\{(\w+)\}/g, (_, name: string) => written(values[name]));
}

function written(value: string | number | undefined): string {
  return typeof value === 'number' ? new Intl.NumberFormat(language.value).format(value) : (value ?? '');
}
