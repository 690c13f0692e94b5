// Which of the app's documents this is, and the way to the others.

import { FOLDERS, originOf, type Scope } from './privacy/policy';

export const scope = document.documentElement.dataset['scope'] as Scope;

/** Where the app is, whichever of its documents this one is. */
export const home = new URL(scope === 'chat' ? './' : '../', location.href);

/** What a document is to reach beyond what it always may (see privacy/policy.ts). */
export interface Wishes {
  /** models: any host, for a mirror or another address. */
  any?: boolean;
  /** server: the address of the server, of which the origin counts. */
  at?: string;
}

/** The address of a document, with a route of it (see route.ts). */
export function addressOf(document: Scope, route = '', { any, at }: Wishes = {}): string {
  const url = new URL(FOLDERS[document], home);
  const origin = originOf(at ?? '');
  if (any) url.search = '?any';
  else if (origin !== undefined) url.searchParams.set('at', origin);
  url.hash = route;
  return url.href;
}

/** Whether this document may reach any host (models), by its own address. */
export const reachesAny = new URLSearchParams(location.search).has('any');

/** The one server that this document may reach (server), by its own address. */
export const chosenServer = originOf(new URLSearchParams(location.search).get('at') ?? '');
