// The app's words, in the person's language. Each language has a folder of the same files with the same keys: `app.json` for
// what is needed at once, and one for each part of the app that is loaded when it is first shown.

import { computed, signal } from '@preact/signals';
import { appearance } from '../settings/appearance';
import type app from './en/app.json';
import type models from './en/models.json';
import type server from './en/server.json';
import type settings from './en/settings.json';
import type welcome from './en/welcome.json';
import { type Language, LANGUAGES } from './languages';

/** A text, or one for each of the language's plural categories of `count`. */
type Text = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type TextKey = keyof (typeof app & typeof models & typeof server & typeof settings & typeof welcome);

/** The files of a language. */
export type Area = 'app' | 'models' | 'server' | 'settings' | 'welcome';

export { LANGUAGES, type Language };

const files = import.meta.glob<{ default: Partial<Record<TextKey, Text>> }>('./*/*.json');
const texts = signal<Partial<Record<TextKey, Text>>>({});
const areas = new Set<Area>(['app']);

/** The language of the texts that are shown. */
export const language = signal<Language>('en');

/** The first of the browser's languages that there are texts in. */
function preferred(): Language {
  const known = Object.keys(LANGUAGES) as Language[];
  const family = (tag: string) => tag.toLowerCase().split('-')[0];
  return navigator.languages.map((tag) => known.find((own) => family(own) === family(tag))).find(Boolean) ?? 'en';
}

async function fetchTexts(of: Language, area: Area): Promise<Partial<Record<TextKey, Text>>> {
  const file = files[`./${of}/${area}.json`];
  if (!file) throw new Error(`there are no texts in ${of} for ${area}`);
  return (await file()).default;
}

/** Fetches the texts of the chosen language, or else of the browser's, and turns the page to them. */
export async function loadTexts(): Promise<void> {
  const wanted = appearance.value.language ?? preferred();
  texts.value = Object.assign({}, ...(await Promise.all([...areas].map((area) => fetchTexts(wanted, area))))) as object;
  language.value = wanted;
  document.documentElement.lang = wanted;
  document.documentElement.dir = wanted === 'ar' ? 'rtl' : 'ltr';
}

/** Fetches the texts of a part of the app, in the language that is shown. */
export async function loadArea(area: Area): Promise<void> {
  if (areas.has(area)) return;
  const more = await fetchTexts(language.value, area);
  areas.add(area);
  texts.value = { ...texts.value, ...more };
}

/** What an error says, in its own words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

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
