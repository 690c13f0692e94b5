// Whether the side is shown. On wide screens it is unless put away, which is remembered; on narrow ones it lies over the screen when
// it is called.

import { computed, effect, signal } from '@preact/signals';
import { readText, writeText } from '../stored';

const KEY = 'minke.sidebar';
const query = matchMedia('(width < 50rem)');

const narrow = signal(query.matches);
query.addEventListener('change', () => {
  narrow.value = query.matches;
  over.value = false;
});

const beside = signal(readText(KEY) !== 'away');
const over = signal(false);

/** Where the side is, if it is shown. */
export const side = computed<'beside' | 'over' | undefined>(() => {
  if (narrow.value) return over.value ? 'over' : undefined;
  return beside.value ? 'beside' : undefined;
});

export function toggleSidebar(): void {
  const shown = narrow.value ? over : beside;
  shown.value = !shown.value;
}

/** Takes the side away where it lies over the screen. */
export function closeOver(): void {
  over.value = false;
}

effect(() => writeText(KEY, beside.value ? undefined : 'away'));
