// Scrolling: what comes is followed only while the reader is at the end.

import { signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import { path } from './open';

/** Whether the end is followed. */
export const following = signal(true);

/** Pixels from the end that still are the end. */
const NEAR = 8;

let box: Element | null = null;

export function toEnd(): void {
  following.value = true;
  if (box && path.peek().length > 0) box.scrollTop = box.scrollHeight; // what is there before anything is said is read from its top
}

/** Brings a message to the top, once it is there. */
export function toMessage(id: string): void {
  requestAnimationFrame(() => {
    following.value = false;
    document.getElementById(`name-${id}`)?.closest('article')?.scrollIntoView();
  });
}

/** Follows the end of what is in `column`, which scrolls in <main>. */
export function useFollow(column: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    box = column.current?.closest('main') ?? null;
    if (!box || !column.current) return;
    const main = box;
    let last = 0;
    const watch = () => {
      const { scrollTop, scrollHeight, clientHeight } = main;
      const isNear = scrollHeight - clientHeight - scrollTop <= NEAR;
      if (isNear) following.value = true;
      else if (scrollTop < last - 1) following.value = false; // only the reader goes up
      last = scrollTop;
    };
    const observer = new ResizeObserver(() => following.peek() && toEnd());
    observer.observe(column.current);
    observer.observe(main);
    main.addEventListener('scroll', watch, { passive: true });
    toEnd();
    return () => {
      observer.disconnect();
      main.removeEventListener('scroll', watch);
    };
  }, []);
}
