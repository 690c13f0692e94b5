// Small things that the browser keeps as JSON, in localStorage or sessionStorage. What lies there may be of an older version, or
// anybody's: whoever reads it checks each field.

type Store = 'localStorage' | 'sessionStorage';

/** What is kept by this name; undefined if it is nothing that can be read. */
export function readStored(name: string, store: Store = 'localStorage'): unknown {
  try {
    return JSON.parse(globalThis[store].getItem(name) ?? 'null') as unknown;
  } catch {
    return undefined; // storage is forbidden, or this is no JSON
  }
}

/** Keeps it; undefined: no more. Where the browser keeps nothing, it holds for this visit only. */
export function writeStored(name: string, value: unknown, store: Store = 'localStorage'): void {
  try {
    if (value === undefined) globalThis[store].removeItem(name);
    else globalThis[store].setItem(name, JSON.stringify(value));
  } catch {
    // as said above
  }
}

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
