// `npm run bench`: speeds and WebGPU calls of the built package in Chromium, and with --peers those of others beside it.

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { count, machine, measure } from '../benches/minke.mjs';
import { peers } from '../benches/peers.mjs';
import { serve } from './serve.mjs';
import { Stop, ask, chromiumArgs, command, root, smallModel } from './setup.mjs';

const USAGE = `usage: npm run bench -- [options]
  --model FILE      a GGUF (the small model that set-up fetches)
  --prompt N        tokens of the prompt (512)
  --decode N        tokens decoded after the first (32)
  --rounds N        measurements of each engine (3)
  --adapter NAME    default: the machine's own; swiftshader: in software
  --browser PATH    Chromium's executable, or a folder that has it
  --flag FLAG       for Chromium, such as --flag=--enable-features=Vulkan; may be given several times
  --peers           measures the peers of ../shared/peers too, in turns
  --record NAME     writes benches/records/DATE-NAME.json`;

function options() {
  const text = (fallback) => ({ type: 'string', default: fallback });
  const spec = {
    model: { type: 'string' },
    prompt: text('512'),
    decode: text('32'),
    rounds: text('3'),
    adapter: text('default'),
    browser: { type: 'string' },
    flag: { type: 'string', multiple: true, default: [] },
    peers: { type: 'boolean', default: false },
    record: { type: 'string' },
    help: { type: 'boolean', default: false },
  };
  try {
    const { values } = parseArgs({ options: spec });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    for (const name of ['prompt', 'decode', 'rounds']) {
      values[name] = Number(values[name]);
      if (!(Number.isInteger(values[name]) && values[name] > 0)) throw new Error(`--${name} wants a whole number`);
    }
    if (!['default', 'swiftshader'].includes(values.adapter)) throw new Error('--adapter is default or swiftshader');
    if (values.browser !== undefined) process.env.CHROMIUM = executable(values.browser);
    return { ...values, model: values.model === undefined ? smallModel() : resolve(values.model) };
  } catch (error) {
    throw new Stop(`${error.message}\n${USAGE}`);
  }
}

/** The browser at a path, which may be that of its folder. */
function executable(path) {
  const names = ['chrome', 'chromium', 'chrome-headless-shell', 'headless_shell', 'chrome.exe'];
  const inside = existsSync(path) && statSync(path).isDirectory();
  const found = inside ? names.map((name) => join(path, name)).find(existsSync) : path;
  if (!found || !existsSync(found)) throw new Error(`--browser: there is no Chromium at ${path}`);
  return resolve(found);
}

function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return { median: (low + high) / 2, min: sorted[0], max: sorted.at(-1) };
}

function result({ name, problem }, samples, calls) {
  if (problem) return { name, problem };
  const of = (quantity) => summary(samples.map((sample) => sample[quantity]));
  const speeds = Object.fromEntries(Object.keys(samples[0]).map((quantity) => [quantity, of(quantity)]));
  return { name, on: calls.dispatches > 0 ? 'WebGPU' : 'CPU', ...speeds, calls };
}

/** All engines once, round by round, then the calls of each; a peer that fails is not asked again. */
async function measureAll(engines, rounds) {
  const samples = new Map(engines.map((engine) => [engine, []]));
  const attempt = async (engine, what, work) => {
    if (engine.problem) return;
    console.error(`${engine.name}: ${what}`);
    try {
      return await work();
    } catch (error) {
      if (engine === engines[0]) throw new Stop(`${engine.name} could not be measured: ${error.message}`);
      engine.problem = error.message;
    }
  };
  for (let round = 1; round <= rounds; round++) {
    for (const engine of engines) {
      samples.get(engine).push(await attempt(engine, `round ${round} of ${rounds}`, () => engine.measure()));
    }
  }
  const results = [];
  for (const engine of engines) {
    const calls = await attempt(engine, 'counting calls', () => engine.count());
    results.push(result(engine, samples.get(engine), calls));
  }
  return results;
}

/** Prints rows of cells in columns as wide as they need, the first to the left. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  console.log(`\n${rows.map(line).join('\n')}`);
}

const short = (number) => Number(number.toPrecision(3)).toString();
const spread = ({ median, min, max }) => `${short(median)} (${short(min)} to ${short(max)})`;

function print([minke, ...others]) {
  const ratio = (quantity, peer) => short(minke[quantity].median / peer[quantity].median);
  const measured = [minke, ...others].filter(({ problem }) => !problem);
  table([
    ['', 'runs on', 'load s', 'prefill tokens/s', 'decode tokens/s'],
    ...measured.map((engine) => [
      engine.name,
      engine.on,
      ...['load', 'prefill', 'decode'].map((q) => spread(engine[q])),
    ]),
  ]);
  console.log(`Minke's largest gap between two deltas: ${spread(minke.gap)} ms`);
  const compared = measured.slice(1);
  if (compared.length > 0) {
    table([
      ['Minke / peer', 'prefill', 'decode'],
      ...compared.map((peer) => [`${peer.name} (${peer.on})`, ratio('prefill', peer), ratio('decode', peer)]),
    ]);
  }
  table([
    ['a decoded token costs', ...measured.map(({ name }) => name)],
    ...Object.keys(minke.calls).map((name) => [name, ...measured.map(({ calls }) => short(calls[name]))]),
  ]);
  for (const { name, problem } of others.filter(({ problem }) => problem)) {
    console.log(`\n${name} could not be measured: ${problem}`);
  }
}

/** Writes what a reader needs to judge the numbers, and the numbers. */
function record(name, facts) {
  const folder = join(root, 'benches/records');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${facts.date.slice(0, 10)}-${name}.json`);
  writeFileSync(file, `${JSON.stringify(facts, null, 2)}\n`);
  console.log(`\n${file}`);
}

await command(async () => {
  const given = options();
  if (!existsSync(join(root, 'dist/index.js'))) throw new Stop('dist/ is not there: npm run build makes it');
  const mounts = [
    ['/model/', dirname(given.model)],
    ['/dist/', join(root, 'dist')],
    ['/', join(root, 'benches')],
  ];
  const server = await serve(mounts, 0);
  const setting = {
    ...given,
    site: `http://localhost:${server.address().port}/`,
    args: [...chromiumArgs(given.adapter === 'default' ? undefined : given.adapter), ...given.flag],
  };
  const { version: browser, adapter } = await machine(setting);
  const facts = {
    date: new Date().toISOString(),
    commit: ask('git', ['describe', '--always', '--dirty', '--abbrev=12']),
    machine: {
      cores: cpus().length,
      cpu: cpus()[0].model,
      loadBefore: loadavg()[0],
      browser,
      adapter,
      flags: given.flag,
    },
    model: basename(given.model),
    prompt: given.prompt,
    decode: given.decode,
    rounds: given.rounds,
  };
  const engines = [
    { name: 'Minke', measure: () => measure(setting), count: () => count(setting) },
    ...(given.peers ? peers(setting) : []),
  ];
  const results = await measureAll(engines, given.rounds);
  server.close();
  console.log(
    `\n${JSON.stringify(facts, null, 1)
      .replaceAll(/[{}",]/g, '')
      .trim()}`,
  );
  print(results);
  if (given.record) record(given.record, { ...facts, results });
});
