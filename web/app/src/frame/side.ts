// Whether the side is shown. On wide screens it is unless put away, which is remembered; on narrow ones it lies over the screen when
// it is called.

import { computed, effect, signal } from '@preact/signals';

const KEY = 'minke.sidebar';
const query = matchMedia('(width < 50rem)');

const narrow = signal(query.matches);
query.addEventListener('change', () => {
  narrow.value = query.matches;
  over.value = false;
});

const beside = signal(!wasPutAway());
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

function wasPutAway(): boolean {
  try {
    return localStorage.getItem(KEY) === 'away';
  } catch {
    return false;
  }
}

effect(() => {
  try {
    if (beside.value) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, 'away');
  } catch {
    // it holds for this visit
  }
});
