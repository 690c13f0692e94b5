// Small things that the browser keeps: in localStorage for good, in sessionStorage until the tab is closed. What lies there may be
// of an older version, or anybody's: whoever reads it checks each field.

type Store = 'localStorage' | 'sessionStorage';

/** The text that is kept by this name; null: none, or the browser keeps nothing for the page. */
export function readText(name: string, store: Store = 'localStorage'): string | null {
  try {
    return globalThis[store].getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a text; undefined: no more. Where the browser keeps nothing, it holds for this visit only. */
export function writeText(name: string, text: string | undefined, store: Store = 'localStorage'): void {
  try {
    if (text === undefined) globalThis[store].removeItem(name);
    else globalThis[store].setItem(name, text);
  } catch {
    // as said above
  }
}

/** What is kept as JSON; undefined if it is none. */
export function readStored(name: string, store?: Store): unknown {
  try {
    return JSON.parse(readText(name, store) ?? 'null') as unknown;
  } catch {
    return undefined;
  }
}

/** Keeps it as JSON; undefined: no more. */
export const writeStored = (name: string, value: unknown, store?: Store): void =>
  writeText(name, value === undefined ? undefined : JSON.stringify(value), store);

/** What each field must be. */
export type Checks<T> = { [Name in keyof T]-?: (value: unknown) => boolean };

/** The fields of what was read that are as they must be. */
export function fieldsOf<T extends object>(value: unknown, checks: Checks<T>): Partial<T> {
  const given = Object(value) as Record<string, unknown>;
  const good = Object.entries<(value: unknown) => boolean>(checks).filter(
    ([name, fits]) => Object.hasOwn(given, name) && fits(given[name]),
  );
  return Object.fromEntries(good.map(([name]) => [name, given[name]])) as Partial<T>;
}

/** The check that a value is one of these. */
export const oneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);
