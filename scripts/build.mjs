// `npm run build`: the engine as wasm, the npm package in dist/, the static page in site/.

import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, npmPackages, root, run, tool, wasmCargo } from './setup.mjs';

/** The package's wasm and its JavaScript. */
export const generated = join(root, 'web/src/generated');
/** The package. */
export const dist = join(root, 'dist');
/** Where {@link buildGolden} puts what it makes. */
export const golden = join(root, '.cache/golden');

/** Compiles a target of the workspace to wasm; path of the file `name` that it gives. */
function cargoWasm(target, name) {
  const { cargo, args, env } = wasmCargo();
  // not `build`: as a Rust library too, it would be made without link-time optimisation
  run(cargo, ['rustc', '--locked', ...target, '--crate-type', 'cdylib', '--profile', 'wasm', ...args], env);
  return join(root, 'target/wasm32-unknown-unknown/wasm', name);
}

/** Makes the JavaScript glue, `name`.js and its types, at the version of wasm-bindgen in Cargo.lock. */
function glue(wasm, folder, name) {
  // in a folder of its own, so that it need not wait for what else cargo builds at the time
  const tool = ['-p', 'minke-wasm-bindgen', '--target-dir', join(root, 'target/tools')];
  run('cargo', ['run', '--locked', '--quiet', ...tool, '--', wasm, folder, name]);
}

const isCurrent = (made, source) => existsSync(made) && statSync(made).mtimeMs >= statSync(source).mtimeMs;

/** The package's modules of wasm: what they are made of, their JavaScript, and their file. */
const MODULES = [
  { target: ['-p', 'minke', '--lib'], made: 'minke.wasm', name: 'minke', file: 'engine.wasm' },
  { target: ['-p', 'minke-grammar', '--lib'], made: 'minke_grammar.wasm', name: 'grammar', file: 'grammar.wasm' },
];

function compile({ target, made, name, file }) {
  const wasm = cargoWasm(target, made);
  const optimised = join(generated, file);
  if (isCurrent(optimised, wasm)) return;
  glue(wasm, generated, name);
  const features = [
    '--enable-bulk-memory',
    '--enable-nontrapping-float-to-int',
    '--enable-sign-ext',
    '--enable-mutable-globals',
    '--enable-reference-types',
    '--enable-multivalue',
  ];
  tool('wasm-opt', ['-Oz', ...features, join(generated, `${name}_bg.wasm`), '-o', optimised]);
}

/**
 * The package: a file for each module of the page's, and the whole worker in one, so that it can be copied, or imported from
 * elsewhere, alone. Bundlers find worker and wasm beside the modules.
 */
export async function assemble() {
  const { minifySync } = await import('rolldown/experimental'); // which a fresh clone has not yet when this file is read
  rmSync(dist, { recursive: true, force: true });
  tool('tsc', ['-p', 'web']);
  tool('rolldown', [join(root, 'web/src/worker.ts'), '--file', join(dist, 'worker.js')]);
  writeFileSync(join(dist, 'worker.d.ts'), 'export {};\n');
  for (const name of readdirSync(dist).filter((name) => name.endsWith('.js'))) {
    const { code } = minifySync(name, readFileSync(join(dist, name), 'utf8'), { module: true });
    writeFileSync(join(dist, name), code);
  }
  for (const { file } of MODULES) {
    copyFileSync(join(generated, file), join(dist, file));
    // what a bundler that is told to treat it as a file makes of it
    const types = 'declare const address: string;\nexport default address;\n';
    writeFileSync(join(dist, file.replace('.wasm', '.d.wasm.ts')), types);
  }
}

/** The engine with the bindings that only tests need, and a module of the worker's that they ask by itself. */
export function buildGolden() {
  const adapter = join(golden, 'adapter.js');
  tool('rolldown', [join(root, 'web/src/adapter.ts'), '--file', adapter, '--logLevel', 'warn']);
  const wasm = cargoWasm(['-p', 'minke', '--example', 'golden'], 'examples/golden.wasm');
  if (!isCurrent(join(golden, 'minke_bg.wasm'), wasm)) glue(wasm, golden, 'minke');
}

export async function build() {
  npmPackages();
  MODULES.forEach(compile);
  await assemble();
  tool('vite', ['build', '--config', 'web/app/vite.config.ts', '--configLoader', 'runner', '--logLevel', 'warn']);
  tool('typedoc', ['--logLevel', 'Warn']); // into the site; see typedoc.json
}

/** With --golden also what the browser tests need. */
async function main() {
  await build();
  if (process.argv.includes('--golden')) buildGolden();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await command(main);
