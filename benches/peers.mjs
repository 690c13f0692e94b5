// The peers of ../shared/peers: installs them in .cache/peers and runs their harnesses.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Stop, chromium, npm, python, root, run } from '../scripts/setup.mjs';
import { COUNTERS, perToken } from './minke.mjs';

const source = join(root, '../shared/peers');
const folder = join(root, '.cache/peers');
const models = join(folder, 'models');
const pythonFolder = join(root, '.cache/python-peers');

const wllama = (backend) => ({
  name: `wllama ${backend}`,
  folder: 'wllama',
  script: 'wllama.mjs',
  args: ({ model }) => [`--gguf=${model}`, `--backend=${backend}`],
  decode: 8,
  load: ({ fetch_ms, load_ms }) => fetch_ms + load_ms,
});

/** The harnesses: how to call each, how many tokens it decodes, and its load time in milliseconds. */
const PEERS = [
  {
    name: 'Transformers.js webgpu',
    folder: 'transformersjs',
    script: 'bench.mjs',
    args: ({ model }) => [
      `--models=${models}`,
      `--model=${onnxName(model)}`,
      '--device=webgpu',
      '--runs=1',
      '--nocold',
      '--textn=2',
    ],
    prepare: buildOnnx,
    decode: 4, // SwiftShader takes seconds for each
    load: ({ load_ms }) => load_ms,
  },
  wllama('webgpu'),
  wllama('cpu2'),
];

const onnxName = (model) => basename(model, '.gguf');

/** The graph that Transformers.js runs, from the weights of the GGUF. */
function buildOnnx(model) {
  const out = join(models, onnxName(model));
  if (existsSync(join(out, 'generation_config.json'))) return; // the last file that is written
  if (!existsSync(pythonFolder)) {
    run(python(), ['-m', 'pip', 'install', '--quiet', '--target', pythonFolder, 'gguf==0.19.0', 'numpy>=1.26', 'onnx']);
  }
  mkdirSync(models, { recursive: true });
  const script = join(folder, 'transformersjs/build_onnx.py');
  run(python(), [script, 'gguf', model, out], { PYTHONPATH: pythonFolder });
}

function install(peer, model) {
  const target = join(folder, peer.folder);
  cpSync(join(source, peer.folder), target, { recursive: true });
  const quiet = ['--ignore-scripts', '--no-package-lock', '--no-fund', '--no-audit'];
  if (!existsSync(join(target, 'node_modules'))) run(npm, ['install', '--prefix', target, ...quiet]);
  peer.prepare?.(model);
}

/** Runs a harness; what its lines of JSON say. */
function harness(peer, { model, prompt, decode, args }, env = {}) {
  const preload = new URL('preload.mjs', import.meta.url).href;
  const given = [...peer.args({ model }), `--prompt=${prompt}`, `--decode=${decode}`];
  const done = spawnSync(process.execPath, ['--import', preload, peer.script, ...given], {
    cwd: join(folder, peer.folder),
    encoding: 'utf8',
    env: { ...process.env, CHROME: chromium(), MINKE_BROWSER_ARGS: JSON.stringify(args), ...env },
  });
  const said = Object.assign(
    {},
    ...done.stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
  if (said.error ?? done.status !== 0) throw new Stop(said.error ?? done.stderr);
  return said;
}

/** The peers that can be installed here, ready to be measured; the others with the reason as `problem`. */
export function peers(options) {
  if (!existsSync(source)) throw new Stop(`--peers needs the harnesses in ${source}, which is not there`);
  return PEERS.map((peer) => {
    try {
      install(peer, options.model);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      return { name: peer.name, problem: error.message };
    }
    return {
      name: peer.name,
      measure() {
        const said = harness(peer, { ...options, decode: peer.decode });
        return { load: peer.load(said) / 1000, prefill: said.prefill_tps, decode: said.decode_tps };
      },
      count() {
        const calls = (decode) => harness(peer, { ...options, prompt: 16, decode }, { MINKE_COUNTERS: COUNTERS }).calls;
        const short = calls(2);
        return perToken(calls(6), short, 4);
      },
    };
  });
}
