// Reads Chromium's own record of what it did on the network (--log-net-log), which has also what Playwright does not see.

import { readFileSync } from 'node:fs';

interface Event {
  type: number;
  time: string;
  source: { id: number };
  params?: Record<string, unknown>;
}

interface NetLog {
  constants: { logEventTypes: Record<string, number>; timeTickOffset: number };
  events: Event[];
}

/** What the browser asked for, and whom. */
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

const hostOf = (place: string) => (URL.canParse(place) ? new URL(place).hostname : place.replace(/:\d+$/, ''));
const isOwn = (place: string) => OWN.includes(hostOf(place));

/** A question for one of those to a name server: a header, the name, its type and class. */
const asksForOwn = (bytes: number) => OWN.some((host) => 12 + host.length + 2 + 4 === bytes);

function parse(file: string): NetLog {
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text) as NetLog;
  } catch {
    return JSON.parse(`${text.replace(/,\s*$/, '')}]}`) as NetLog; // the browser was still writing
  }
}

/** What went out from `since` on, but for Chromium's own. */
export function traffic(file: string, since: number): Traffic {
  const { constants, events } = parse(file);
  const { logEventTypes: types, timeTickOffset } = constants;
  const isOf = (name: string) => {
    const type = types[name];
    if (type === undefined) throw new Error(`this Chromium's log has no ${name}`);
    return (event: Event) => event.type === type;
  };
  const later = events.filter(({ time }) => Number(time) + timeTickOffset >= since);
  const told = (name: string, key: string) =>
    later.filter(isOf(name)).flatMap(({ params }) => (params?.[key] === undefined ? [] : [String(params[key])]));
  const connects = events.filter(isOf('UDP_CONNECT')).filter(({ params }) => params?.['address']);
  const sockets = new Map(connects.map(({ source, params }) => [source.id, params?.['address']]));
  const datagrams = later.filter(isOf('UDP_BYTES_SENT')).map(({ source, params }) => {
    return { to: String(sockets.get(source.id) ?? params?.['address']), bytes: Number(params?.['byte_count']) };
  });
  return {
    requests: told('URL_REQUEST_START_JOB', 'url').filter((url) => /^(https?|wss?):/.test(url) && !isOwn(url)),
    names: [...told('HOST_RESOLVER_MANAGER_REQUEST', 'host'), ...told('DNS_TRANSACTION', 'hostname')].filter(
      (name) => !isOwn(name),
    ),
    datagrams: datagrams
      .filter(({ to, bytes }) => !(to.endsWith(':53') && asksForOwn(bytes)))
      .map(({ to, bytes }) => `${bytes} bytes to ${to}`),
  };
}
