// Where in a document the person is: the part of the address after #, so that Back works and any web server will do.

import { computed, signal } from '@preact/signals';

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
});

/** A screen, and which conversation for `chat` (none: a new one), and which message of it is looked for. */
export interface Route {
  screen: 'chat' | 'settings' | 'privacy';
  conversation?: string;
  message?: string;
}

export const route = computed<Route>(() => {
  const [, screen, conversation, message] = /^#\/(\w+)(?:\/([\w-]+))?(?:\/([\w-]+))?/.exec(hash.value) ?? [];
  if (screen === 'settings' || screen === 'privacy') return { screen };
  if (screen !== 'c' || !conversation) return { screen: 'chat' };
  return { screen: 'chat', conversation, ...(message && { message }) };
});

/** The part of the address that stands for it, for links. */
export function hrefOf({ screen, conversation, message }: Route): string {
  if (screen !== 'chat') return `#/${screen}`;
  if (!conversation) return '#/';
  return message ? `#/c/${conversation}/${message}` : `#/c/${conversation}`;
}

export function go(to: Route): void {
  location.hash = hrefOf(to);
}

/** Goes there without a way back: a new conversation that gets its address. */
export function replace(to: Route): void {
  history.replaceState(null, '', hrefOf(to));
  hash.value = location.hash;
}
