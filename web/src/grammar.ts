// What an answer must be, by a wasm of its own that is loaded when a request first asks for a form.

import { COPY_HINT, words } from './errors.js';
import init, { Grammar, Vocabulary } from './generated/grammar.js';
import type { WasmEngine } from './generated/minke.js';

/** What the engine asks of a grammar. */
interface Constraint {
  mask(): Uint32Array;
  commit(token: number): boolean;
  forced(): Uint32Array;
}

/** All tokens' bytes one after the other, where each stops, whether each is a control token, and those that end a reply. */
interface Parts {
  bytes: Uint8Array;
  stops: Uint32Array;
  control: Uint8Array;
  ends: Uint32Array;
}

/** Of the model that this worker has loaded. */
let vocabulary: Promise<Vocabulary> | undefined;

async function vocabularyOf(engine: WasmEngine, wasmUrl: string | undefined): Promise<Vocabulary> {
  const url = wasmUrl ?? new URL('./grammar.wasm', import.meta.url);
  await init({ module_or_path: url }).catch((error: unknown) => {
    throw new Error(`the wasm for grammars cannot be loaded (grammarUrl: ${url}): ${words(error)}; ${COPY_HINT}`);
  });
  const { bytes, stops, control, ends } = engine.vocabulary() as Parts;
  return new Vocabulary(bytes, stops, control, ends);
}

/** The grammar of a `form`, JSON; `wasmUrl` is where its wasm is, if not beside this module. */
export async function grammar(engine: WasmEngine, form: string, wasmUrl: string | undefined): Promise<Constraint> {
  vocabulary ??= vocabularyOf(engine, wasmUrl);
  vocabulary.catch(() => (vocabulary = undefined)); // the network may be back at the next request
  const made = new Grammar(await vocabulary, form);
  const text = new TextDecoder('utf-8', { fatal: true });
  const tokenize = (bytes: Uint8Array) => engine.tokenize(text.decode(bytes), false);
  return { mask: () => made.mask(), commit: (token) => made.commit(token), forced: () => made.forced(tokenize) };
}
