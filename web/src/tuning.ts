// What was found fastest on this device at an earlier load. It stays in the browser, beside the page's other data.

import { version } from './generated/minke.js';
import type { Tuning } from './protocol.js';

const CACHE = 'minke-tuning';

function key({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  return `/minke-tuning/${[version(), vendor, architecture, device, description].map(encodeURIComponent).join('/')}`;
}

/** Undefined where nothing is kept, or nothing may be. */
export async function recall(adapter: GPUAdapterInfo): Promise<Tuning | undefined> {
  try {
    const kept = await (await caches.open(CACHE)).match(key(adapter));
    return (await kept?.json()) as Tuning | undefined;
  } catch {
    return undefined; // then it is measured again
  }
}

export async function remember(adapter: GPUAdapterInfo, tuning: Tuning): Promise<void> {
  try {
    await (await caches.open(CACHE)).put(key(adapter), Response.json(tuning));
  } catch {
    // a browser that keeps nothing for this page
  }
}
