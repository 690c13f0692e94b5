// What went wrong with a model, in words that one can act on.

import { EngineError } from 'minke';
import { messageOf, t, type TextKey } from '../text/text';

/** What a person can do about a problem. */
export type Way = 'again' | 'mirror' | 'address' | 'file' | 'token' | 'room';

export interface Problem {
  code: string;
  words: string;
  /** What the engine says: more exact, and for those who ask elsewhere. */
  details: string;
  ways: readonly Way[];
}

const ELSEWHERE: readonly Way[] = ['again', 'mirror', 'address', 'file'];

/** By the engine's code: the text, and what can be done. What is not here is a fault of the file. */
const KNOWN: Record<string, [TextKey, readonly Way[]]> = {
  network: ['models.problem.network', ELSEWHERE],
  bad_server: ['models.problem.badServer', ELSEWHERE],
  storage_full: ['models.problem.full', ['room', 'again']],
  storage: ['models.problem.storage', []],
  not_kept: ['models.problem.storage', ['again']],
  corrupt: ['models.problem.corrupt', ['again', 'file']],
  changed: ['models.problem.changed', ['again']],
  in_use: ['models.problem.inUse', ['again']],
  worker: ['models.problem.worker', ['again']],
  no_adapter: ['models.problem.noAdapter', []],
  out_of_memory: ['models.problem.memory', []],
  device: ['models.problem.device', ['again']],
  self_test: ['models.problem.selfTest', []],
  not_gguf: ['models.problem.notGguf', ['address', 'file']],
  gguf_truncated: ['models.problem.truncated', ['address', 'file']],
  file: ['models.problem.file', ['file']],
};

export function problemOf(error: unknown, url: string): Problem {
  const details = messageOf(error);
  const code = error instanceof EngineError ? error.code : 'unknown';
  const [text, ways] =
    code === 'http' ? ofStatus(details) : (KNOWN[code] ?? ['models.problem.other', ['address', 'file']]);
  return { code, words: t(text, { host: hostOf(url) }), details, ways };
}

/** The status is in the message only. */
function ofStatus(message: string): [TextKey, readonly Way[]] {
  const status = Number(/status (\d+)/.exec(message)?.[1]);
  if (status === 401 || status === 403) return ['models.problem.token', ['token', 'mirror', 'file']];
  if (status === 404 || status === 410) return ['models.problem.missing', ['address', 'mirror', 'file']];
  return ['models.problem.busy', ELSEWHERE];
}

const hostOf = (url: string) => (url.startsWith('http') ? new URL(url).host : '');
