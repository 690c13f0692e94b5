// What the leak self-test found, and what it says of the page as a whole.

import { computed, signal } from '@preact/signals';
import { controlled } from './registration';

/** The ways by which a page could send something away. */
export const CHANNELS = [
  'fetch',
  'xhr',
  'beacon',
  'websocket',
  'eventsource',
  'webtransport',
  'image',
  'stylesheet',
  'font',
  'prefetch',
  'script',
  'form',
  'frame',
  'worker',
  'blobWorker',
  'documents',
  'webrtc',
  'leave',
] as const;

export type Channel = (typeof CHANNELS)[number];

/**
 * `blocked`: the browser said that a policy forbids it, which being offline does not make it say. `out`: nothing forbade it.
 * `absent`: the browser has no such channel. `unproved`: the browser does not let a page find out, or has no such lock.
 */
export type Outcome = 'blocked' | 'out' | 'absent' | 'unproved';

export type Findings = Record<Channel, Outcome>;

/** Undefined: not known yet. */
export const findings = signal<Findings | undefined>(undefined);

/** What may be said of the page: all ways are closed, one is open, or there is one that is not proved to be closed. */
export const verdict = computed<'checking' | 'locked' | 'open' | 'unproved'>(() => {
  if (!findings.value) return 'checking';
  const outcomes = Object.values(findings.value);
  if (outcomes.includes('out')) return 'open';
  return outcomes.includes('unproved') ? 'unproved' : 'locked';
});

/** Without the service worker nothing holds but the document's own fallback, so there is nothing to prove. */
const nothingProved = () => Object.fromEntries(CHANNELS.map((channel) => [channel, 'unproved'])) as Findings;

export async function testLeaks(): Promise<void> {
  findings.value = undefined;
  findings.value = controlled ? await (await import('./probes')).probeAll() : nothingProved();
}
