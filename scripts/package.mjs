// Whether the package is as its users' tools want it, and holds and weighs what it should.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { dist } from './build.mjs';
import { Stop, ask, npm, root, tool } from './setup.mjs';

/** What only those load who ask for it, and what is loaded when it is first needed: not weighed. */
const OPTIONAL = ['ai-sdk.js', 'openai.js', 'react.js'];
const ON_DEMAND = ['grammar.wasm'];

/** Most bytes that a visitor downloads before the model. */
const BUDGETS = [
  { what: 'JavaScript after gzip', end: '.js', except: OPTIONAL, compress: gzipSync, most: 40_000 },
  { what: 'wasm after Brotli', end: '.wasm', except: ON_DEMAND, compress: brotliCompressSync, most: 1_200_000 },
  {
    what: 'wasm for grammars after Brotli',
    end: 'grammar.wasm',
    except: [],
    compress: brotliCompressSync,
    most: 375_000,
  },
];

/** What the tarball has beside the modules that are written in web/src. */
const FILES = [
  'LICENSE-APACHE',
  'LICENSE-MIT',
  'README.md',
  'package.json',
  'dist/engine.wasm',
  'dist/engine.d.wasm.ts',
  'dist/grammar.d.wasm.ts',
  ...ON_DEMAND.map((name) => `dist/${name}`),
];

export function checkPackage() {
  tool('publint', ['--strict']);
  tool('attw', ['--pack', '.', '--profile', 'esm-only', '--no-definitely-typed']);
  const files = packedFiles();
  const strangers = strange(files);
  if (strangers.length > 0) throw new Stop(`the package should not have ${strangers.join(', ')}`);
  console.log(`the package has ${files.length} files`);
  for (const { what, most, bytes } of weighed(dist)) {
    console.log(`${bytes} bytes of ${what} (budget ${most})`);
    if (!(bytes > 0 && bytes <= most)) throw new Stop(`${bytes} bytes of ${what} are not within ${most}`);
  }
}

/** Paths of what `npm pack` would pack. */
function packedFiles() {
  const packed = ask(npm, ['pack', '--dry-run', '--json', '--ignore-scripts']);
  if (packed === undefined) throw new Stop('npm pack failed');
  return JSON.parse(packed)[0].files.map(({ path }) => path);
}

/** Which of a package's paths it should not have: a module is one of web/src, as JavaScript and its types. */
export function strange(files) {
  const isModule = (path) => {
    const [, name] = /^dist\/([a-z-]+)(\.d\.ts|\.js)$/.exec(path) ?? [];
    return name !== undefined && existsSync(join(root, 'web/src', `${name}.ts`));
  };
  return files.filter((path) => !FILES.includes(path) && !isModule(path));
}

/** The budgets, each with what the files of a folder come to. */
export function weighed(folder) {
  return BUDGETS.map(({ what, end, except, compress, most }) => {
    const names = readdirSync(folder).filter((name) => name.endsWith(end) && !except.includes(name));
    const bytes = names.reduce((sum, name) => sum + compress(readFileSync(join(folder, name))).length, 0);
    return { what, most, bytes };
  });
}
