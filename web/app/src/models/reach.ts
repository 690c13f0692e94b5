// What this document may reach: the hub and its own site, or any address where it was opened with ?any. A download that needs
// more than is allowed is noted, and begun again by the document that is opened in place of this one.

import { signal } from '@preact/signals';
import { isHub } from '../privacy/policy';
import { addressOf, reachesAny } from '../scope';
import { readStored, readText, writeStored, writeText } from '../stored';

const PENDING = 'minke.pendingDownloads';
const MIRROR = 'minke.mirror';

/** What is to be downloaded after the document was opened anew. */
export interface Pending {
  url: string;
  name: string;
}

/** An address that stands in for the hub's; empty: none. */
export const mirror = signal(readText(MIRROR) ?? '');

export function useMirror(address: string): void {
  mirror.value = address;
  writeText(MIRROR, address);
}

/** The mirror for a model's address, if it is of the hub and there is one. */
export const mirrorFor = (url: string): { mirror?: string } =>
  mirror.value && isHub(url) ? { mirror: mirror.value } : {};

/** Whether this document may not reach what a model comes from. */
export function outOfReach(url: string): boolean {
  if (reachesAny || !url.startsWith('http') || new URL(url).origin === location.origin) return false;
  return !isHub(url) || mirror.value !== '';
}

/** Opens this document so that it may reach any address, to go on there with these. */
export function reachAny(downloads: readonly Pending[]): void {
  writeStored(PENDING, downloads, 'sessionStorage');
  location.assign(addressOf('models', '', { any: true }));
}

/** What was to be downloaded when this document was opened in place of another. */
export function takePending(): Pending[] {
  if (!reachesAny) return [];
  const pending = readStored(PENDING, 'sessionStorage');
  writeStored(PENDING, undefined, 'sessionStorage');
  return Array.isArray(pending) ? (pending as Pending[]) : [];
}
