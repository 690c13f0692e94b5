// The conversation that is open, and the messages of those that were opened in this visit.

import { batch, computed, effect, type Signal, signal } from '@preact/signals';
import {
  changedElsewhere,
  conversations,
  messagesOf,
  newConversation,
  removeMessages,
  save,
} from '../history/conversations';
import { pathTo } from '../history/tree';
import type { Conversation, Message } from '../history/types';
import { replace, route } from '../route';

export type Tree = ReadonlyMap<string, Message>;

/** The conversation that a new chat begins. */
const fresh = signal(newConversation());

/** The conversation that is shown; undefined where there is none of the address. */
export const current = computed<Conversation | undefined>(() => {
  const { conversation } = route.value;
  return conversation === undefined ? fresh.value : conversations.value.get(conversation);
});

const trees = new Map<string, Signal<Tree | undefined>>();

/** The messages of a conversation; undefined: they are not read yet. */
export function treeOf(conversation: string): Signal<Tree | undefined> {
  const known = trees.get(conversation);
  if (known) return known;
  const tree = signal<Tree | undefined>(undefined);
  trees.set(conversation, tree);
  return tree;
}

/** The messages that are shown. */
export const path = computed<readonly Message[]>(() => {
  const tree = current.value && treeOf(current.value.id).value;
  return current.value && tree ? pathTo(tree, current.value.leaf) : [];
});

/** Reads the messages of a conversation, also if another tab has changed them. */
export async function read(conversation: string): Promise<Tree> {
  const tree = treeOf(conversation);
  const before = tree.value;
  const messages = await messagesOf(conversation).catch(() => [...(before?.values() ?? [])]);
  const since = tree.value === before ? [] : (tree.value ?? []); // said while it was being read
  tree.value = new Map([...messages.map((message) => [message.id, message] as const), ...since]);
  return tree.value;
}

/** Keeps a conversation as it is now, and messages of it that are new or were changed. */
export async function keep(conversation: Conversation, ...messages: Message[]): Promise<void> {
  const tree = treeOf(conversation.id);
  tree.value = new Map([...(tree.value ?? []), ...messages.map((message) => [message.id, message] as const)]);
  await save(conversation, ...messages);
}

/** Keeps a conversation without some of its messages. */
export async function keepWithout(conversation: Conversation, messages: readonly Message[]): Promise<void> {
  const tree = treeOf(conversation.id);
  const gone = new Set(messages.map(({ id }) => id));
  tree.value = new Map([...(tree.value ?? [])].filter(([id]) => !gone.has(id)));
  await removeMessages(conversation, [...gone]);
}

/** Changes what is known of the conversation that is shown; one without messages is kept when it gets some. */
export async function changeCurrent(change: Partial<Conversation>): Promise<void> {
  if (!current.value) return;
  const changed = { ...current.value, ...change };
  if (changed.id === fresh.value.id) fresh.value = changed;
  else await keep(changed);
}

/** A conversation that has its first messages gets its address, and the next new chat is another one. */
export function settle({ id }: Conversation): void {
  if (id !== fresh.value.id) return;
  batch(() => {
    replace({ screen: 'chat', conversation: id });
    fresh.value = newConversation();
  });
}

// What other tabs change of conversations that were opened here.
effect(() => {
  const told = changedElsewhere.value;
  const tree = told && trees.get(told.conversation.id);
  const before = tree?.peek();
  if (!told || !tree || !before) return;
  tree.value =
    told.type === 'saved'
      ? new Map([...before, ...told.messages.map((message) => [message.id, message] as const)])
      : new Map([...before].filter(([id]) => !told.messages.includes(id)));
});
