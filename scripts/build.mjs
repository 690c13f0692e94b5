// `npm run build`: the engine as wasm, the npm package in dist/, the static page in site/.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, npmPackages, root, run, tool, wasmCargo } from './setup.mjs';

const generated = join(root, 'web/src/generated');
const dist = join(root, 'dist');

/** Compiles the crate and makes its JavaScript glue, at the version of wasm-bindgen in Cargo.lock. */
function compile() {
  const { cargo, args, env } = wasmCargo();
  run(cargo, ['build', '--locked', '--lib', '--profile', 'wasm', ...args], env);
  const wasm = join(root, 'target/wasm32-unknown-unknown/wasm/minke.wasm');
  const optimised = join(generated, 'engine.wasm');
  if (existsSync(optimised) && statSync(optimised).mtimeMs >= statSync(wasm).mtimeMs) return;
  run('cargo', ['run', '--locked', '--release', '--quiet', '-p', 'minke-wasm-bindgen', '--', wasm, generated]);
  const features = [
    '--enable-bulk-memory',
    '--enable-nontrapping-float-to-int',
    '--enable-sign-ext',
    '--enable-mutable-globals',
    '--enable-reference-types',
    '--enable-multivalue',
  ];
  tool('wasm-opt', ['-Oz', ...features, join(generated, 'minke_bg.wasm'), '-o', optimised]);
}

/** The package: one file a module, so that any bundler finds the worker and the wasm beside them. */
function assemble() {
  rmSync(dist, { recursive: true, force: true });
  tool('tsc', ['-p', 'web']);
  mkdirSync(join(dist, 'generated'), { recursive: true });
  for (const name of readdirSync(generated).filter((name) => /^minke\.(js|d\.ts)$/.test(name))) {
    copyFileSync(join(generated, name), join(dist, 'generated', name));
  }
  copyFileSync(join(generated, 'engine.wasm'), join(dist, 'engine.wasm'));
}

export function build() {
  npmPackages();
  compile();
  assemble();
  tool('vite', ['build', 'web/demo', '--logLevel', 'warn']);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await command(build);
