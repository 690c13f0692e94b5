// Reads Chromium's own record of what it did on the network (--log-net-log), which has also what Playwright does not see.

import { readFileSync } from 'node:fs';

interface NetLog {
  constants: { logEventTypes: Record<string, number>; timeTickOffset: number };
  events: { type: number; time: string; params?: Record<string, unknown> }[];
}

/** Since when the browser asked for what, in milliseconds since 1970. */
export interface Traffic {
  requests: string[];
  names: string[];
  datagrams: string[];
}

/** Hosts that Chromium asks of its own accord, whatever page is open. */
const OWN = [
  'accounts.google.com',
  'clients2.google.com',
  'content-autofill.googleapis.com',
  'optimizationguide-pa.googleapis.com',
  'redirector.gvt1.com',
  'safebrowsing.googleapis.com',
  'update.googleapis.com',
  'www.google.com',
];

const isOwn = (place: string) => OWN.some((host) => place.includes(host));

function parse(file: string): NetLog {
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text) as NetLog;
  } catch {
    return JSON.parse(`${text.replace(/,\s*$/, '')}]}`) as NetLog; // the browser was still writing
  }
}

/** What went out from `since` on. */
export function traffic(file: string, since: number): Traffic {
  const { constants, events } = parse(file);
  const { logEventTypes: types, timeTickOffset } = constants;
  const later = events.filter(({ time }) => Number(time) + timeTickOffset >= since);
  const told = (names: string[], key: string) => {
    const wanted = new Set(names.map((name) => types[name]));
    if (wanted.has(undefined)) throw new Error(`this Chromium's log has not all of ${names.join(', ')}`);
    const values = later.filter(({ type, params }) => wanted.has(type) && params?.[key] !== undefined);
    return values.map(({ params }) => String(params?.[key])).filter((place) => !isOwn(place));
  };
  return {
    requests: told(['URL_REQUEST_START_JOB'], 'url').filter((url) => /^(https?|wss?):/.test(url)),
    names: told(['HOST_RESOLVER_MANAGER_REQUEST'], 'host'),
    datagrams: told(['UDP_BYTES_SENT'], 'byte_count'),
  };
}
