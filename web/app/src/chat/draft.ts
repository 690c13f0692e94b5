// What is typed and not sent, for each conversation. It outlives a reload of the tab.

import { effect, type Signal, signal } from '@preact/signals';
import { readText, writeText } from '../stored';

const drafts = new Map<string, Signal<string>>();

/** The draft of a conversation; that of a new one has no name. */
export function draftOf(conversation = ''): Signal<string> {
  const known = drafts.get(conversation);
  if (known) return known;
  const key = `minke.draft.${conversation}`;
  const draft = signal(readText(key, 'sessionStorage') ?? '');
  effect(() => writeText(key, draft.value || undefined, 'sessionStorage'));
  drafts.set(conversation, draft);
  return draft;
}
