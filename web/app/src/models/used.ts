// Which models were used, and when: the app's own record, which its documents share.

import { readStored, readText, writeStored, writeText } from '../stored';

const LAST = 'minke.lastModel';
const TIMES = 'minke.lastUsed';

/** The model that the chat loads by itself. */
export const lastModel = (): string | null => readText(LAST);

/** Has the chat load it. */
export const chooseModel = (id: string): void => writeText(LAST, id);

/** When models were last used, by id, in milliseconds since 1970. */
export const lastUsed = (): Record<string, number> => Object(readStored(TIMES) ?? {}) as Record<string, number>;

/** To be called by whoever has loaded a kept model to chat with it. */
export function noteUse(id: string): void {
  chooseModel(id);
  writeStored(TIMES, { ...lastUsed(), [id]: Date.now() });
}
