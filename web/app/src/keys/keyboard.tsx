// The shortcuts at work: the listener, the actions that belong to the whole app, and the map.

import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { toggleSidebar } from '../frame/side';
import { hrefOf, type Route } from '../route';
import { addressOf, scope } from '../scope';
import { listen, shortcut } from './shortcuts';

const Map = signal<ComponentType<{ onClose: () => void }> | undefined>(undefined);

/** Shows the map of shortcuts. */
export async function showShortcuts(): Promise<void> {
  Map.value = (await import('./shortcuts-map')).ShortcutsMap;
}

/** Where models are downloaded there are no conversations: that is another document. */
function visit(route: Route): void {
  location.href = scope === 'models' ? addressOf('chat', hrefOf(route).slice(1)) : hrefOf(route);
}

export function Keyboard() {
  useLayoutEffect(() => {
    const ends = [
      listen(),
      shortcut('new', () => visit({ screen: 'chat' })),
      shortcut('settings', () => visit({ screen: 'settings' })),
      shortcut('map', () => void showShortcuts()),
      ...(scope === 'models' ? [] : [shortcut('sidebar', toggleSidebar)]),
    ];
    return () => ends.forEach((end) => end());
  }, []);
  return Map.value ? <Map.value onClose={() => (Map.value = undefined)} /> : null;
}
