// Whether the app in site/ weighs what it should: what a first visit needs before anything is painted.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Stop, root } from './setup.mjs';

export const site = join(root, 'site');

/** Most bytes after gzip: the scripts of a document with all that they import and the largest language, and its styles. */
const BUDGETS = { js: 60_000, css: 12_000 };

const addresses = (text, pattern) => [...text.matchAll(pattern)].map(([, address]) => address);

/** The files that a document names, and what those import at once. */
export function firstLoad(document) {
  const html = readFileSync(document, 'utf8');
  const found = new Set();
  const add = (from, address) => {
    const file = join(dirname(from), address);
    if (found.has(file) || !existsSync(file)) return;
    found.add(file);
    // minified: import"./x.js", import{a}from"./x.js"; what is imported on demand is import(...)
    if (file.endsWith('.js'))
      addresses(readFileSync(file, 'utf8'), /(?:import|from)\s*["'](\.[^"']+\.js)["']/g).forEach((next) =>
        add(file, next),
      );
  };
  addresses(html, /(?:src|href)="([^"]+\.(?:js|css))"/g).forEach((address) => add(document, address));
  return [...found];
}

/** Bytes after gzip of the files with an ending. */
export const weight = (files, end) =>
  files
    .filter((file) => file.endsWith(end))
    .reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);

/** The largest of the files of texts, one of which every visit needs; named by their languages. */
function texts() {
  const assets = join(site, 'assets');
  const names = readdirSync(join(root, 'web/app/src/text')).flatMap((name) => /^(.+)\.json$/.exec(name)?.[1] ?? []);
  const files = names.map((name) =>
    readdirSync(assets).find((file) => file.startsWith(`${name}-`) && file.endsWith('.js')),
  );
  if (files.includes(undefined)) throw new Stop(`site/assets lacks the texts of a language: ${names.join(', ')}`);
  return files.map((file) => join(assets, file)).sort((a, b) => weight([b], '.js') - weight([a], '.js'))[0];
}

export function checkSite() {
  for (const name of ['index.html', 'models/index.html', 'server/index.html']) {
    const files = [...firstLoad(join(site, name)), texts()];
    for (const [kind, most] of Object.entries(BUDGETS)) {
      const bytes = weight(files, `.${kind}`);
      console.log(`${name}: ${bytes} bytes of ${kind} after gzip at first load (budget ${most})`);
      if (!(bytes > 0 && bytes <= most)) throw new Stop(`${bytes} bytes of ${kind} in ${name} are not within ${most}`);
    }
  }
}
