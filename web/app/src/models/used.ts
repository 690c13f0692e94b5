// Which models were used, and when: the app's own record, which its documents share.

const LAST = 'minke.lastModel';
const TIMES = 'minke.lastUsed';

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // then nobody knows at the next visit
  }
}

/** The model that the chat loads by itself. */
export const lastModel = (): string | null => read(LAST);

/** Has the chat load it. */
export const chooseModel = (id: string): void => write(LAST, id);

/** When models were last used, by id, in milliseconds since 1970. */
export function lastUsed(): Record<string, number> {
  try {
    return Object(JSON.parse(read(TIMES) ?? '{}')) as Record<string, number>;
  } catch {
    return {};
  }
}

/** To be called by whoever has loaded a kept model to chat with it. */
export function noteUse(id: string): void {
  chooseModel(id);
  write(TIMES, JSON.stringify({ ...lastUsed(), [id]: Date.now() }));
}
