// What was entered to connect, over the load of the page that may reach the server, and what is remembered of it. Keys are never
// in localStorage, nor in an address.

import { signal } from '@preact/signals';
import { fieldsOf, readStored, writeStored } from '../stored';
import { addressOf, chosenServer } from '../scope';

/** What it takes to connect. */
export interface Entry {
  address: string;
  /** Empty: none. */
  key: string;
  /** Whether the key is remembered until the tab is closed. */
  keepKey: boolean;
}

const isString = (value: unknown): value is string => typeof value === 'string';

const ENTERED = 'minke.server.entered';
const KEY = 'minke.server.key';
const BEFORE = 'minke.servers';
const MOST = 8;

/** Whether this document may reach a server; else it goes to the one that may, which begins with what was entered. */
export function mayReach(entry: Entry): boolean {
  const { origin } = new URL(entry.address);
  if (chosenServer === origin) return true;
  writeStored(ENTERED, entry, 'sessionStorage');
  location.assign(addressOf('server', location.hash.slice(1), { at: origin }));
  return false;
}

/** What was entered in the document before this one, once. */
export function takeEntry(): Entry | undefined {
  const { address, key, keepKey } = fieldsOf<Entry>(readStored(ENTERED, 'sessionStorage'), {
    address: isString,
    key: isString,
    keepKey: (value) => typeof value === 'boolean',
  });
  writeStored(ENTERED, undefined, 'sessionStorage');
  if (address === undefined || !URL.canParse(address) || new URL(address).origin !== chosenServer) return undefined;
  return { address, key: key ?? '', keepKey: keepKey ?? false };
}

/** What the fields have at first: the server of this document, if it was used before. */
export function firstEntry(): Entry {
  const address = usedBefore.value.find((used) => new URL(used).origin === chosenServer) ?? '';
  const kept = fieldsOf<Pick<Entry, 'address' | 'key'>>(readStored(KEY, 'sessionStorage'), {
    address: isString,
    key: isString,
  });
  const key = kept.address === address ? (kept.key ?? '') : '';
  return { address, key, keepKey: key !== '' };
}

/** Servers that were connected to, the last one first. */
export const usedBefore = signal<readonly string[]>(readBefore());

function readBefore(): string[] {
  const list: unknown = readStored(BEFORE);
  return Array.isArray(list) ? list.filter((item): item is string => isString(item) && URL.canParse(item)) : [];
}

function setBefore(addresses: readonly string[]): void {
  usedBefore.value = addresses.slice(0, MOST);
  writeStored(BEFORE, usedBefore.value);
}

/** Remembers a server that answered; the key only where the person wants it, and for this tab. */
export function remember({ address, key, keepKey }: Entry): void {
  setBefore([address, ...usedBefore.value.filter((used) => used !== address)]);
  writeStored(KEY, keepKey && key ? { address, key } : undefined, 'sessionStorage');
}

/** What it gives back brings it again. */
export function forget(address: string): () => void {
  const before = usedBefore.value;
  setBefore(before.filter((used) => used !== address));
  return () => setBefore(before);
}
