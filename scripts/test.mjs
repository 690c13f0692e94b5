// `npm test`: sets up, builds, checks style and size, then runs the native and the browser tests.

import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { build, buildGolden } from './build.mjs';
import { Stop, command, root, run, setup, tool, wasmCargo } from './setup.mjs';

/** Most bytes of JavaScript and wasm, after Brotli, that a visitor downloads before the model. */
const BUDGET = 850_000;

function checkStyle() {
  run('cargo', ['fmt', '--all', '--check']);
  const deny = ['--', '-D', 'warnings'];
  run('cargo', ['clippy', '--locked', '--all-targets', '--features', 'cli', ...deny]);
  const { cargo, args } = wasmCargo();
  if (cargo === 'cargo')
    // with the build's profile, whose macros and build scripts are compiled already
    run('cargo', ['clippy', '--locked', '--profile', 'wasm', '--lib', '--example', 'golden', ...args, ...deny]);
  else
    console.log('clippy for wasm: not run, because this toolchain builds wasm with Debian’s Rust, which has no clippy');
  tool('prettier', ['--check', '--log-level', 'warn', '.']);
  tool('eslint', ['.']);
  tool('tsc', ['-p', '.']);
  tool('publint', []);
}

/** Sizes of what dist/ makes a page load. */
function checkSize() {
  const names = readdirSync(join(root, 'dist'), { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name));
  const size = (name) => brotliCompressSync(readFileSync(join(root, 'dist', name))).length;
  const sizes = names.map((name) => [name, size(name)]);
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  const wasm = sizes.find(([name]) => name === 'engine.wasm')?.[1];
  console.log(
    `after Brotli: ${wasm} bytes of wasm, ${total - wasm} of JavaScript, together ${total} (budget ${BUDGET})`,
  );
  if (!(total <= BUDGET)) throw new Stop(`the package is over its budget of ${BUDGET} bytes`);
}

/** Runs cargo's tests, showing their output; how many passed. */
async function nativeTests() {
  const args = ['test', '--locked', '--features', 'cli', '--', '--nocapture'];
  const tests = spawn('cargo', args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const piece of tests.stdout) {
    process.stdout.write(piece);
    output += piece;
  }
  const status = tests.exitCode ?? (await new Promise((resolve) => tests.on('close', resolve)));
  if (status !== 0) throw new Stop('the native tests failed');
  return [...output.matchAll(/^test result: ok\. (\d+) passed/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

function browserTests(project) {
  tool('playwright', ['test', '--project', project]);
  const { stats } = JSON.parse(readFileSync(join(root, 'test-results/browser.json'), 'utf8'));
  if (stats.skipped > 0) throw new Stop(`${stats.skipped} browser tests were skipped`);
  if (stats.expected === 0) throw new Stop(`no tests ran of ${project}`);
  return stats.expected;
}

await command(async () => {
  setup();
  build();
  buildGolden(); // its types are checked with the rest
  checkSize();
  checkStyle();
  const native = await nativeTests();
  if (native === 0) throw new Stop('no native tests ran');
  const browser = browserTests('tiers') + browserTests('rest');
  console.log(`${native} native tests and ${browser} browser tests`);
  console.log(`${native + browser} passed, 0 failed`);
});
