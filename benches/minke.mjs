// Measures Minke through the package's public API, each time in a browser of its own, as the peers' harnesses do.

import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium as playwright } from '@playwright/test';
import { Stop, chromium } from '../scripts/setup.mjs';

/** Path of the init script that counts. */
export const COUNTERS = fileURLToPath(new URL('counters.js', import.meta.url));

const WORDS =
  'time people water house work world life hand part place week case point company number group problem fact money story month right study book night word side kind head power line game city name team minute idea body information back parent face others level office door health person art war history party result change morning reason research girl guy moment air teacher force education'.split(
    ' ',
  );

/** The prompt that ../shared/peers uses: about a token a word. */
function words(n) {
  let [text, x] = ['The', 1];
  for (let i = 1; i < n; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff;
    text += ' ' + WORDS[(x >> 8) % WORDS.length];
  }
  return text;
}

/** In the page: loads the model. */
async function load(model) {
  const { createEngine } = await import('/dist/index.js');
  const start = performance.now();
  globalThis.engine = await createEngine({ model, keep: false }); // as peers that keep nothing
  return performance.now() - start;
}

/** In the page: one greedy reply; when each delta came, in milliseconds from the request. */
async function reply({ content, max_tokens }) {
  const messages = [{ role: 'user', content }];
  const request = { messages, stream: true, stream_options: { include_usage: true }, temperature: 0, max_tokens };
  const start = performance.now();
  const deltas = [];
  let usage;
  let finish;
  for await (const { choices, ...chunk } of await globalThis.engine.chat.completions.create(request)) {
    usage = chunk.usage ?? usage;
    for (const { delta, finish_reason } of choices) {
      if (delta.content || delta.reasoning_content) deltas.push(performance.now() - start);
      finish = finish_reason ?? finish;
    }
  }
  if (finish !== 'length') throw new Error(`the reply ended by '${finish}' before ${max_tokens} tokens`);
  return { deltas, usage };
}

/** A page in a browser of its own, for `use`. */
async function withPage(args, use) {
  const browser = await playwright.launch({ executablePath: chromium(), args });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    return await use(page, browser);
  } finally {
    await browser.close();
  }
}

/** Loads the engine and warms it; what it took, and how to ask. */
async function start(page, { site, model }) {
  await page.goto(site);
  const milliseconds = await page.evaluate(load, `model/${encodeURIComponent(basename(model))}`);
  const ask = (content, max_tokens) => page.evaluate(reply, { content, max_tokens });
  const { usage } = await ask('The', 4);
  const prompt = (n) => words(Math.max(1, n - (usage.prompt_tokens - 1))); // the template's tokens count too
  return { milliseconds, ask, prompt };
}

/** The browser's version and its adapter. */
export function machine({ site, args }) {
  return withPage(args, async (page, browser) => {
    await page.goto(site);
    const adapter = await page.evaluate(async () => {
      const { vendor, architecture, description } = (await navigator.gpu?.requestAdapter())?.info ?? {};
      return [vendor, architecture, description].filter(Boolean).join(' ');
    });
    if (!adapter) throw new Stop('this browser offers no WebGPU adapter here; --adapter swiftshader needs no GPU');
    return { version: browser.version(), adapter };
  });
}

/** Load time in seconds, tokens per second, and the largest gap between two deltas in milliseconds. */
export function measure(options) {
  return withPage(options.args, async (page) => {
    const { milliseconds, ask, prompt } = await start(page, options);
    const { deltas, usage } = await ask(prompt(options.prompt), options.decode + 1);
    const [first, last] = [deltas[0], deltas.at(-1)];
    return {
      load: milliseconds / 1000,
      prefill: (1000 * (usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens)) / first,
      decode: (1000 * (usage.completion_tokens - 1)) / (last - first),
      gap: Math.max(...deltas.slice(1).map((time, i) => time - deltas[i])),
    };
  });
}

/** What each of `tokens` more tokens cost, from the calls with them and without. */
export function perToken(long, short, tokens) {
  return Object.fromEntries(Object.keys(long).map((name) => [name, (long[name] - short[name]) / tokens]));
}

/** WebGPU calls of one decoded token: the difference of two replies to a prompt that is in the KV cache. */
export function count(options) {
  return withPage(options.args, async (page) => {
    await page.addInitScript({ path: COUNTERS });
    const { ask, prompt } = await start(page, options);
    const totals = () => page.evaluate(() => globalThis.webgpuCalls());
    const calls = async (max_tokens) => {
      const before = await totals();
      await ask(prompt(64), max_tokens);
      return perToken(await totals(), before, 1);
    };
    await calls(1);
    const short = await calls(4);
    return perToken(await calls(12), short, 8);
  });
}
