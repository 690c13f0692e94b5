// What is typed and not sent, for each conversation. It outlives a reload of the tab.

import { effect, type Signal, signal } from '@preact/signals';
import type { AttachedFile } from '../history/types';
import { storedInTab, storeInTab } from './tab';

export interface Draft {
  text: Signal<string>;
  files: Signal<readonly AttachedFile[]>;
}

const drafts = new Map<string, Draft>();

/** The draft of a conversation; `new` is that of the next one. */
export function draftOf(conversation: string): Draft {
  const known = drafts.get(conversation);
  if (known) return known;
  const key = `minke.draft.${conversation}`;
  const draft = { text: signal(storedInTab(key) ?? ''), files: signal<readonly AttachedFile[]>([]) };
  effect(() => storeInTab(key, draft.text.value));
  drafts.set(conversation, draft);
  return draft;
}
