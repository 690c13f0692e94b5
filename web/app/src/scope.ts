// Which of the app's documents this is, and the way to the others.

import type { Scope } from './privacy/policy';

export const scope = document.documentElement.dataset['scope'] as Scope;

/** Where the app is, whichever of its documents this one is. */
const home = new URL(scope === 'chat' ? './' : '../', location.href);

const FOLDERS: Record<Scope, string> = { chat: '', models: 'models/', server: 'server/' };

/** The address of a document, with a route of it (see route.ts). */
export function addressOf(document: Scope, route = ''): string {
  return new URL(FOLDERS[document] + (route && `#${route}`), home).href;
}
