// What is around every screen where one can chat: the conversations at the side, the model and the privacy badge at the top.

import { PanelLeft } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ModelMenu } from '../model/menu';
import { IconButton } from '../parts/button';
import { PrivacyBadge } from '../privacy/badge';
import { ServerBanner } from '../server/banner';
import { t } from '../text/text';
import './frame.css';
import { closeOver, side, toggleSidebar } from './side';
import { Sidebar } from './sidebar';
import { TroubleNote } from './trouble';

export function Frame({ children }: { children: ComponentChildren }) {
  const over = side.value === 'over';
  useFocus(over);
  return (
    <div class={`frame ${side.value ?? ''}`}>
      <a class="skip" href="#main" onClick={skip} inert={over}>
        {t('frame.skip')}
      </a>
      <Sidebar />
      {over && <div class="scrim" onClick={closeOver} />}
      <div class="page" inert={over}>
        <header>
          <ServerBanner />
          <div class="top">
            <IconButton
              id="side"
              icon={PanelLeft}
              label={t('frame.sidebar')}
              aria-expanded={side.value !== undefined}
              aria-controls="sidebar"
              onClick={toggleSidebar}
            />
            <ModelMenu />
            <PrivacyBadge />
          </div>
          <TroubleNote />
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
}

/** The side that lies over the screen has the focus, and gives it back. */
function useFocus(over: boolean): void {
  const was = useRef(over);
  useEffect(() => {
    if (over) document.querySelector<HTMLElement>('#sidebar a')?.focus();
    else if (was.current && document.activeElement?.matches('body, #sidebar *'))
      document.getElementById('side')?.focus();
    was.current = over;
  }, [over]);
}

/** Not by the address, which is for routes. */
function skip(event: MouseEvent) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
