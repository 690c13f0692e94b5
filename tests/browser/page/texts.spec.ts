// The app's words: each text in each language, and no text that nobody sees.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../../scripts/setup.mjs';
import { LANGUAGES } from '../../../web/app/src/text/languages';
import { expect, test } from './page';

type Texts = Record<string, string | Record<string, string>>;

const source = join(root, 'web/app/src');

/** The texts of a language, by file. */
function read(language: string): Record<string, Texts> {
  const folder = join(source, 'text', language);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return Object.fromEntries(names.map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8')) as Texts]));
}

/** The texts of all files of a language. */
const all = (language: string): Texts => Object.assign({}, ...Object.values(read(language))) as Texts;

const forms = (text: string | Record<string, string>) => (typeof text === 'string' ? [text] : Object.values(text));
const places = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join(' ');

/** What is wrong with a file of a language's texts, held against the English one of the same name. */
function faults(language: string, texts: Texts, english: Texts): string[] {
  const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
  const found = Object.keys(texts).flatMap((key) => (key in english ? [] : [`${key} is unknown`]));
  for (const [key, text] of Object.entries(english)) {
    const own = texts[key];
    if (own === undefined || forms(own).some((form) => form.trim() === '')) {
      found.push(`${key} is missing`);
      continue;
    }
    if (typeof own !== typeof text) found.push(`${key} must have plurals where English has them, and only there`);
    if (typeof own === 'object' && categories.some((category) => !(category in own)))
      found.push(`${key} lacks one of ${categories.join(', ')}`);
    // a form for one, or for none, may leave the number out
    const wanted = places(forms(text).at(-1) ?? '');
    const other = typeof own === 'string' ? own : (own['other'] ?? '');
    if (places(other) !== wanted) found.push(`${key} must have ${wanted || 'no places'}`);
    const known = forms(text).join();
    for (const place of forms(own)
      .join()
      .match(/\{\w*\}/g) ?? [])
      if (!known.includes(place)) found.push(`${key} has ${place}, which nothing is put into`);
  }
  return found;
}

/** All of the app's TypeScript. */
function code(folder: string): string {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .map((path) => (statSync(path).isDirectory() ? code(path) : /\.tsx?$/.test(path) ? readFileSync(path, 'utf8') : ''))
    .join('\n');
}

const SCRIPTS: Partial<Record<string, RegExp>> = {
  hi: /\p{Script=Devanagari}/u,
  'zh-Hans': /\p{Script=Han}/u,
  ar: /\p{Script=Arabic}/u,
};

for (const language of Object.keys(LANGUAGES)) {
  test(`each text is there in ${language}, with the same places and all plurals`, () => {
    const english = read('en');
    const own = read(language);
    expect(Object.keys(own)).toEqual(Object.keys(english));
    for (const [file, texts] of Object.entries(own)) {
      expect(faults(language, texts, english[file] as Texts), file).toEqual([]);
      expect(Object.keys(texts), file).toEqual(Object.keys(english[file] as Texts));
    }
    const letters = SCRIPTS[language];
    if (!letters) return;
    const written = Object.values(all(language)).flatMap(forms);
    const share = written.filter((text) => letters.test(text)).length / written.length;
    expect(share, `the share of texts that are in ${language}`).toBeGreaterThan(0.9);
  });
}

test('a text that is missing, has other places or lacks a plural is found', () => {
  const english = { hello: 'Hello {name}', files: { one: '{count} file', other: '{count} files' } };
  const good = {
    hello: 'Hola {name}',
    files: { one: '{count} archivo', many: '{count} de archivos', other: '{count} archivos' },
  };
  expect(faults('es', good, english)).toEqual([]);
  for (const bad of [
    { files: good.files },
    { ...good, hello: ' ' },
    { ...good, hello: 'Hola {nombre}' },
    { ...good, files: 'archivos' },
    { ...good, files: { one: 'x', other: '{count} archivos' } },
    { ...good, files: { ...good.files, one: '{number} archivo' } },
    { ...good, extra: 'x' },
  ])
    expect(faults('es', bad as unknown as Texts, english)).not.toEqual([]);
});

test('no text is there that nothing shows', () => {
  const whole = code(source);
  const templates = [...whole.matchAll(/`([a-z]+\.[^`\n]*\$\{[^`\n]*)`/g)].map(
    ([, template = '']) => new RegExp(`^${template.replaceAll('.', '\\.').replace(/\$\{[^}]*\}/g, '[\\w-]+')}$`),
  );
  const used = (key: string) => whole.includes(`'${key}'`) || templates.some((template) => template.test(key));
  expect(Object.keys(all('en')).filter((key) => !used(key))).toEqual([]);
  expect(used('no.such.text')).toBe(false);
  expect(used('settings.kv.exact.such')).toBe(false);
});
