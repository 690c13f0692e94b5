// What was found fastest on this device at an earlier load. It stays in the browser, beside the page's other data.

import { version } from './generated/minke.js';
import { isTuning } from './options.js';
import type { DeviceOptions, Tuning } from './protocol.js';

const CACHE = 'minke-tuning';

/** Of the device, and of the options that change what is measured on it. Absolute: a worker may be a blob. */
function key(adapter: GPUAdapterInfo, { kv, noF16, noSubgroups, defaultLimits }: DeviceOptions): string {
  const { vendor, architecture, device, description } = adapter;
  const cache = JSON.stringify(kv);
  const facts = [version(), vendor, architecture, device, description, cache, noF16, noSubgroups, defaultLimits];
  return new URL(`/minke-tuning/${facts.map((fact) => encodeURIComponent(String(fact))).join('/')}`, self.origin).href;
}

/** Undefined where nothing is kept, or nothing may be. */
export async function recall(adapter: GPUAdapterInfo, options: DeviceOptions): Promise<Tuning | undefined> {
  try {
    const kept = await (await caches.open(CACHE)).match(key(adapter, options));
    const tuning: unknown = await kept?.json();
    // any script of the page's origin may have changed it
    return isTuning(tuning) ? tuning : undefined;
  } catch {
    return undefined; // then it is measured again
  }
}

export async function remember(adapter: GPUAdapterInfo, options: DeviceOptions, tuning: Tuning): Promise<void> {
  try {
    await (await caches.open(CACHE)).put(key(adapter, options), Response.json(tuning));
  } catch {
    // a browser that keeps nothing for this page
  }
}
