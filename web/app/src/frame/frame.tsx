// What is around every screen where one can chat: the conversations at the side, the model and the privacy badge at the top.

import { signal } from '@preact/signals';
import { Menu as MenuIcon } from 'lucide';
import type { ComponentChildren } from 'preact';
import { ModelMenu } from '../model/menu';
import { IconButton } from '../parts/button';
import { PrivacyBadge } from '../privacy/badge';
import { ServerBanner } from '../server/banner';
import { t } from '../text/text';
import { Sidebar } from './sidebar';

/** Whether the side is shown: on wide screens it is unless put away, on narrow ones it lies over the screen when called. */
export const wideSidebar = signal(true);
export const narrowSidebar = signal(false);

export const toggleSidebar = (): void => {
  const which = matchMedia('(width < 50rem)').matches ? narrowSidebar : wideSidebar;
  which.value = !which.value;
};

export function Frame({ children }: { children: ComponentChildren }) {
  const classes = ['frame', wideSidebar.value ? 'with-sidebar' : '', narrowSidebar.value ? 'sidebar-over' : ''];
  return (
    <div class={classes.join(' ')}>
      <a class="skip" href="#main" onClick={skip}>
        {t('frame.skip')}
      </a>
      <Sidebar />
      {narrowSidebar.value && <div class="scrim" onClick={toggleSidebar} />}
      <div class="page">
        <ServerBanner />
        <header class="top">
          <IconButton icon={MenuIcon} label={t('frame.sidebar')} onClick={toggleSidebar} />
          <ModelMenu />
          <PrivacyBadge />
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
}

/** Not by the address, which is for routes. */
function skip(event: MouseEvent) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
