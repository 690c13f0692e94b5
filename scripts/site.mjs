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

/** The largest of the languages' texts that every visit needs. */
function texts() {
  const assets = join(site, 'assets');
  const files = readdirSync(assets).filter((name) => /^app-.*\.js$/.test(name));
  const languages = readdirSync(join(root, 'web/app/src/text'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  if (files.length !== languages.length)
    throw new Stop(`site/assets has texts in ${files.length} of ${languages.length} languages`);
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
