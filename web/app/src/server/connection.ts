// Connecting to a server: which models it has, or why it does not tell.

import { signal } from '@preact/signals';
import { type ChatEngine, connect, EngineAbortError, EngineError, ServerError } from 'minke';
import { answerer, unload } from '../model/model';
import { addressOf } from '../scope';
import { messageOf } from '../text/text';
import { type Entry, remember } from './entry';

/** Why there is no connection: `cors` is where the server is there for sure, but lets this page read nothing. */
export interface Trouble {
  kind: 'unreachable' | 'cors' | 'key' | 'page' | 'models' | 'other';
  /** In the server's or the browser's words. */
  words: string;
}

/** How far it is. */
export type State =
  | { at: 'start'; trouble?: Trouble }
  | { at: 'asking'; cancel: () => void }
  | { at: 'choosing'; models: readonly string[] };

export const state = signal<State>({ at: 'start' });

const engineOf = ({ address, key }: Entry, model?: string): ChatEngine =>
  connect({ baseURL: address, apiKey: key || null, model: model ?? null });

/** Asks the server for its models. Where it has one, that one answers; of several the person chooses. */
export async function ask(entry: Entry): Promise<void> {
  const engine = engineOf(entry);
  state.value = { at: 'asking', cancel: () => void engine.dispose() };
  try {
    const models = (await engine.models.list()).data.map(({ id }) => id);
    const [only, ...others] = models;
    if (only === undefined) state.value = { at: 'start', trouble: { kind: 'models', words: '' } };
    else if (others.length > 0) state.value = { at: 'choosing', models };
    else await use(entry, only);
  } catch (error) {
    const aborted = error instanceof EngineAbortError;
    state.value = { at: 'start', ...(!aborted && { trouble: await troubleOf(error, entry) }) };
  }
}

/** Has a model of the server answer from now on. */
export async function use(entry: Entry, model: string): Promise<void> {
  await unload();
  remember(entry);
  state.value = { at: 'start' };
  answerer.value = { where: 'server', address: entry.address, name: model, engine: engineOf(entry, model) };
}

/** Ends the connection, and goes back to the chat that reaches no server, with the same conversation. */
export async function disconnect(): Promise<void> {
  await unload();
  location.assign(addressOf('chat', location.hash.slice(1)));
}

async function troubleOf(error: unknown, { address }: Entry): Promise<Trouble> {
  const words = messageOf(error);
  const kind = (kind: Trouble['kind']): Trouble => ({ kind, words });
  if (error instanceof ServerError) {
    if (error.status === 401 || error.status === 403) return kind('key');
    return kind(error.status === 404 || error.status === 405 ? 'page' : 'other');
  }
  if (!(error instanceof EngineError) || error.code === 'bad_server') return kind('page'); // JSON, perhaps, but no list
  if (error.code !== 'network') return kind('other');
  return kind((await isThere(address)) ? 'cors' : 'unreachable');
}

/**
 * Whether anything answers there. A request without CORS tells so, and nothing more; on a page that is isolated from other
 * origins (COEP `require-corp`) not even that.
 */
async function isThere(address: string): Promise<boolean> {
  const request = fetch(address, { mode: 'no-cors', credentials: 'omit', signal: AbortSignal.timeout(5000) });
  return request.then(
    () => true,
    () => false,
  );
}
