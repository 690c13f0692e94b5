// The keyboard's shortcuts: one table, and one listener for all. What they do is said by whoever does it.

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { readText, writeText } from '../stored';
import type { TextKey } from '../text/text';

/**
 * Keys that are pressed together, in the order of the platforms' own menus: `Mod` is Ctrl, on Apple's computers Command. The last
 * one is as the keyboard's layout has it, letters in capitals.
 */
type Chord = string;

interface Shortcut {
  text: TextKey;
  chords: readonly Chord[];
}

const TABLE = {
  new: { text: 'keys.new', chords: ['Mod+Shift+O'] },
  search: { text: 'keys.search', chords: ['Mod+K'] },
  sidebar: { text: 'keys.sidebar', chords: ['Mod+B'] },
  previous: { text: 'keys.previous', chords: ['Alt+ArrowUp'] },
  next: { text: 'keys.next', chords: ['Alt+ArrowDown'] },
  write: { text: 'keys.write', chords: ['Shift+Escape', '/'] },
  stop: { text: 'keys.stop', chords: ['Escape'] },
  copy: { text: 'keys.copy', chords: ['Mod+Shift+C'] },
  settings: { text: 'keys.settings', chords: ['Mod+,'] },
  map: { text: 'keys.map', chords: ['Mod+/', '?'] },
} as const satisfies Record<string, Shortcut>;

export type ShortcutName = keyof typeof TABLE;

/** All of them, for the map. */
export const shortcuts: readonly Shortcut[] = Object.values(TABLE);

/** Those of a single character, which can be switched off: dictation and slips of the hand would set them off. */
export const isSingle = (chord: Chord): boolean => chord.length === 1;

const KEY = 'minke.keys';

export const singles = signal(readText(KEY) !== 'no-singles');

export function allowSingles(allowed: boolean): void {
  singles.value = allowed;
  writeText(KEY, allowed ? undefined : 'no-singles');
}

const actions = new Map<ShortcutName, (() => void)[]>();

/** Says what a shortcut does, until the function that it gives is called; of several, the last one said counts. */
export function shortcut(name: ShortcutName, action: () => void): () => void {
  actions.set(name, [...(actions.get(name) ?? []), action]);
  return () => {
    actions.set(
      name,
      (actions.get(name) ?? []).filter((other) => other !== action),
    );
  };
}

/** The same for as long as a component is there. */
export function useShortcut(name: ShortcutName, action: () => void): void {
  useEffect(() => shortcut(name, action), [name, action]);
}

export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/** The key that an event stands for. Layouts without Latin letters have none for chords: there the key's place counts. */
function keyOf({ key, code }: KeyboardEvent): string {
  const place = /^Key([A-Z])$/.exec(code)?.[1];
  if (place && !/^[a-z]$/i.test(key)) return place;
  return key.length === 1 ? key.toUpperCase() : key;
}

/** What is pressed; characters such as `?` count however they are typed. */
function chordOf(event: KeyboardEvent, apple = isApple): Chord {
  const { altKey, ctrlKey, metaKey, shiftKey } = event;
  const key = keyOf(event);
  const character = key.length === 1 && !/[A-Z]/.test(key);
  const mod = apple ? metaKey : ctrlKey;
  const other = apple ? ctrlKey : metaKey;
  const held = [mod && 'Mod', other && 'Other', altKey && 'Alt', shiftKey && !character && 'Shift'];
  return [...held.filter(Boolean), key].join('+');
}

const names = Object.keys(TABLE) as ShortcutName[];
const named = (chord: Chord) => names.find((name) => (TABLE[name].chords as readonly Chord[]).includes(chord));

const isTyping = ({ target }: Event): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches('input, select, textarea'));

/** What is open over the page has the keys to itself. */
const isCovered = (): boolean => document.querySelector('dialog:modal, :popover-open') !== null;

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.repeat || isCovered()) return;
  const chord = chordOf(event);
  if (isSingle(chord) && (!singles.value || isTyping(event))) return;
  const name = named(chord);
  const action = name && actions.get(name)?.at(-1);
  if (!action) return;
  event.preventDefault();
  action();
}

/** Listens until the function that it gives is called. */
export function listen(): () => void {
  addEventListener('keydown', onKeyDown);
  return () => removeEventListener('keydown', onKeyDown);
}
