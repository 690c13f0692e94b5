// `npm test`: sets up, builds, checks style and size, then runs the native and the browser tests.
// `npm run test:full` (--full) runs everything in every tier, which takes hours on a slow machine; `npm run check`
// (--check) only what needs no GPU and no browser.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, buildGolden, generated, golden } from './build.mjs';
import { checkPackage } from './package.mjs';
import { checkSite } from './site.mjs';
import {
  Stop,
  command,
  deepseekParts,
  npmPackages,
  pythonGguf,
  root,
  run,
  setup,
  smallModel,
  tool,
  wasmCargo,
} from './setup.mjs';

/** What `cargo` is told, so that its steps share what they compile. */
const CARGO = ['--locked', '--features', 'cli'];

/** Clippy is the compiler, so that nothing is checked and then compiled; the names are those that `cargo clippy` sets. */
const CLIPPY = { RUSTC_WORKSPACE_WRAPPER: 'clippy-driver', CLIPPY_ARGS: '-D__CLIPPY_HACKERY__warnings' };

const phases = [];

/** Does a part of the work, and keeps how long it took. */
async function phase(name, work) {
  const start = Date.now();
  try {
    return await work();
  } finally {
    phases.push([name, (Date.now() - start) / 60_000]);
  }
}

function printPhases(start) {
  const total = (Date.now() - start) / 60_000; // less than the sum, as builds run side by side
  const width = Math.max(...phases.map(([name]) => name.length));
  console.log(`| ${'phase'.padEnd(width)} | minutes |\n| ${'-'.repeat(width)} | ------: |`);
  for (const [name, minutes] of [...phases, ['together', total]])
    console.log(`| ${name.padEnd(width)} | ${minutes.toFixed(1).padStart(7)} |`);
}

/**
 * Whether all is well formed. What Clippy says of native code has been said when that was compiled; of the wasm it is left
 * to `check` and full runs, as it takes a minute from nothing.
 */
function checkStyle({ wasm }) {
  run('cargo', ['fmt', '--all', '--check']);
  const { cargo, args } = wasmCargo();
  const targets = ['--profile', 'wasm', '--lib', '--example', 'golden']; // its macros and build scripts are compiled
  if (wasm && cargo === 'cargo') run('cargo', ['clippy', '--locked', ...targets, ...args, '--', '-D', 'warnings']);
  else if (wasm)
    console.log('clippy for wasm: not run, because this toolchain builds wasm with Debian’s Rust, which has no clippy');
  tool('prettier', ['--check', '--log-level', 'warn', '.']);
  tool('eslint', ['.']);
  tool('tsc', ['-p', '.']);
}

/** Runs a program in the project's root while others run; its output is shown. */
function runBeside(program, args, env = {}) {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Stop(`${[program, ...args].join(' ')} failed`))));
  });
}

/** Runs cargo's tests of a target, showing their output; how many passed, and what was skipped and why. */
async function nativeTests(...target) {
  const ignored = process.env.MINKE_TEST_FULL ? ['--include-ignored'] : [];
  const args = ['test', ...CARGO, ...target, '--', '--nocapture', ...ignored];
  // most of the time goes to lavapipe's compiler, which has an option to optimise less
  const env = { GALLIVM_PERF: 'nopt', ...process.env, ...CLIPPY };
  const tests = spawn('cargo', args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const piece of tests.stdout) {
    process.stdout.write(piece);
    output += piece;
  }
  const status = tests.exitCode ?? (await new Promise((resolve) => tests.on('close', resolve)));
  if (status !== 0) throw new Stop(`the native tests failed: cargo test ${target.join(' ')}`);
  const passed = [...output.matchAll(/^test result: ok\. (\d+) passed/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
  if (passed === 0) throw new Stop(`no tests ran: cargo test ${target.join(' ')}`);
  const skipped = [/skipped: (.+)$/gm, /^test (\S+ \.\.\. ignored.*)$/gm].flatMap((line) => [...output.matchAll(line)]);
  return { passed, skipped: skipped.map(([, what]) => what) };
}

/** All tests of a suite of Playwright's report, and of the suites in it. */
const specs = (suite) => [...(suite.specs ?? []), ...(suite.suites ?? []).flatMap(specs)];

/** Compiles all native targets, the example of the browser tests too, so that Clippy sees them. */
const compileNative = () => runBeside('cargo', ['test', ...CARGO, '--no-run'], CLIPPY);

/** How many browser tests of a project passed, and which were skipped and why. */
function browserTests(project) {
  tool('playwright', ['test', '--project', project]);
  const { stats, suites } = JSON.parse(readFileSync(join(root, 'test-results/browser.json'), 'utf8'));
  if (stats.expected === 0) throw new Stop(`no tests ran of ${project}`);
  const skipped = suites.flatMap(specs).flatMap(({ title, tests }) => {
    const why = tests.find(({ status }) => status === 'skipped')?.annotations.find(({ type }) => type === 'skip');
    return why ? [`${title}: ${why.description ?? 'without a reason'}`] : [];
  });
  if (skipped.length !== stats.skipped)
    throw new Stop(`${stats.skipped} tests of ${project} were skipped, not all told`);
  return { passed: stats.expected, skipped };
}

async function check() {
  await phase('set-up', () => [npmPackages, pythonGguf, smallModel, deepseekParts].forEach((get) => get()));
  // types of the wasm's JavaScript
  const glue = [generated, golden].map((folder) => join(folder, 'minke.d.ts'));
  if (!glue.every(existsSync)) await phase('build', async () => (await build(), buildGolden()));
  await phase('native tests: compile, lint', compileNative);
  await phase('format, lint, types', () => checkStyle({ wasm: true }));
  report(await phase('tests without GPU and browser', testsWithoutGpu));
}

async function test({ full }) {
  await phase('set-up', setup);
  // side by side: the last steps of a build are one compiler's work on one core
  const built = phase('package and wasm of the browser tests', () =>
    runBeside(process.execPath, [join(root, 'scripts/build.mjs'), '--golden']),
  );
  const [native] = await Promise.all([nativePhases(), built]);
  if (full) await phase('fuzz targets, a minute each', fuzz);
  await phase('package', checkPackage);
  checkSite();
  await phase('format, lint, types', () => checkStyle({ wasm: full }));
  const browser = [
    await phase('browser tests, two at a time', () => browserTests('together')),
    await phase('browser tests, alone', () => browserTests('alone')),
  ];
  report([...native, ...browser]);
}

async function nativePhases() {
  await phase('native tests: compile, lint', compileNative);
  return [
    ...(await phase('native tests without GPU', testsWithoutGpu)),
    await phase('native tests on the GPU', () => nativeTests('--test', 'gpu')),
  ];
}

const fuzz = () =>
  run('cargo', ['run', ...CARGO, '--quiet', '--example', 'fuzz', '--', 'all', '--seconds', '60'], CLIPPY);

/** And the examples in the documentation. */
const testsWithoutGpu = async () => [
  await nativeTests('--test', 'cpu', '--test', 'grammar'),
  await nativeTests('--doc'),
];

/** What was skipped, by name, and the counts. */
function report(results) {
  const skipped = results.flatMap(({ skipped }) => skipped);
  const passed = results.reduce((sum, { passed }) => sum + passed, 0);
  skipped.forEach((what) => console.log(`skipped: ${what}`));
  console.log(`${passed} passed, 0 failed, ${skipped.length} skipped`);
}

await command(async () => {
  const start = Date.now();
  const mode = process.argv.slice(2).join(' ');
  if (!['', '--full', '--check'].includes(mode)) throw new Stop(`test.mjs takes --full or --check, not ${mode}`);
  if (mode === '--full') process.env.MINKE_TEST_FULL = '1';
  try {
    await (mode === '--check' ? check() : test({ full: mode === '--full' }));
  } finally {
    printPhases(start);
  }
});
