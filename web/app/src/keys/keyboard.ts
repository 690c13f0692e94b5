// The shortcuts at work: the listener, and the actions that belong to the whole app.

import { useLayoutEffect } from 'preact/hooks';
import { toggleSidebar } from '../frame/side';
import { conversations } from '../history/conversations';
import { openSearch } from '../history/dialogs';
import { inOrder } from '../history/groups';
import { openDialog } from '../parts/opened';
import { go, hrefOf, type Route, route } from '../route';
import { addressOf, scope } from '../scope';
import { listen, shortcut } from './shortcuts';

const openMap = (): Promise<void> => openDialog(async () => (await import('./shortcuts-map')).ShortcutsMap);

/** Where models are downloaded there are no conversations: that is another document. */
function visit(route: Route): void {
  location.href = scope === 'models' ? addressOf('chat', hrefOf(route).slice(1)) : hrefOf(route);
}

/** Goes to the conversation that stands so many places further down in the list; from elsewhere, to the first one. */
function step(by: 1 | -1): void {
  const all = inOrder(conversations.value.values()).filter(({ archived }) => !archived);
  const at = all.findIndex(({ id }) => id === route.value.conversation);
  const to = at < 0 ? all[0] : all[at + by];
  if (to) go({ screen: 'chat', conversation: to.id });
}

const ofTheFrame = () => [
  shortcut('sidebar', toggleSidebar),
  shortcut('search', openSearch),
  shortcut('previous', () => step(-1)),
  shortcut('next', () => step(1)),
];

/** For as long as the app is there. */
export function useKeyboard(): void {
  useLayoutEffect(() => {
    const ends = [
      listen(),
      shortcut('new', () => visit({ screen: 'chat' })),
      shortcut('settings', () => visit({ screen: 'settings' })),
      shortcut('map', () => void openMap()),
      ...(scope === 'models' ? [] : ofTheFrame()),
    ];
    return () => ends.forEach((end) => end());
  }, []);
}
