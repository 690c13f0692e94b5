// The conversations of this browser: what is known of all, and the messages of those that are open.

import { signal } from '@preact/signals';
import { trouble } from './database';
import { type Change, hearOthers, tellOthers } from './elsewhere';
import { keeper, type Keeper, type Whole } from './keeper';
import { newId } from './id';
import type { Conversation, Message } from './types';

/** All conversations, in no order. Change them by the functions here only. */
export const conversations = signal<ReadonlyMap<string, Conversation>>(new Map());

/** What another tab changed of messages last: one that shows their conversation takes it over. */
export const changedElsewhere = signal<Extract<Change, { messages: unknown }> | undefined>(undefined);

/** Deleted conversations that can still come back. They are marked in the database too, so that a reload finds them. */
const bin = new Map<string, Conversation>();
/** Those deleted for good: a reply that is still being made does not bring them back. */
const gone = new Set<string>();
/** How long the bin keeps what an earlier visit put there, in milliseconds: another tab may still show its way back. */
const BIN = 60_000;

/** Reads all conversations, and from then on hears of those in other tabs. The document for models does neither. */
export async function loadConversations(): Promise<void> {
  hearOthers(hear);
  const all = await (await keeper()).conversations();
  bin.clear();
  for (const one of all) if (one.deleted !== undefined) bin.set(one.id, one);
  conversations.value = new Map(all.filter(({ id }) => !bin.has(id)).map((one) => [one.id, one]));
  for (const [id, { deleted = 0 }] of bin) setTimeout(() => void emptyBin([id]), deleted + BIN - Date.now());
}

/** A conversation that begins now; it is kept when it is first {@link save}d. */
export function newConversation(): Conversation {
  const now = Date.now();
  return {
    id: newId(),
    title: '',
    titledBy: 'words',
    created: now,
    updated: now,
    pinned: false,
    archived: false,
    settings: {},
    leaf: null,
  };
}

/**
 * Keeps a conversation, and messages of it that are new or were changed, in one transaction. Where that fails, {@link trouble}
 * says so, and it is there as long as the page is.
 */
export async function save(conversation: Conversation, ...messages: Message[]): Promise<void> {
  if (gone.has(conversation.id)) return;
  const deleted = bin.get(conversation.id)?.deleted;
  const saved = deleted === undefined ? conversation : { ...conversation, deleted };
  take(saved);
  await write((to) => to.save(saved, messages));
  tellOthers({ type: 'saved', conversation: saved, messages });
}

/** All messages of a conversation, in no order. */
export async function messagesOf(conversation: string): Promise<Message[]> {
  return (await keeper()).messagesOf(conversation);
}

/** Deletes messages, and keeps the conversation as it is without them. */
export async function removeMessages(conversation: Conversation, messages: string[]): Promise<void> {
  take(conversation);
  await write((from) => from.removeMessages(conversation, messages));
  tellOthers({ type: 'messages-removed', conversation, messages });
}

/** Changes what is known of a conversation, if it is still there. */
export async function change(id: string, changes: Partial<Omit<Conversation, 'id'>>): Promise<void> {
  const before = conversations.value.get(id);
  if (before) await save({ ...before, ...changes });
}

/** Puts a conversation into the bin, out of sight. */
export async function deleteConversation(id: string): Promise<void> {
  await change(id, { deleted: Date.now() });
}

/** Takes a conversation out of the bin. */
export async function restoreConversation(id: string): Promise<void> {
  const { deleted, ...conversation } = bin.get(id) ?? {};
  if (deleted === undefined) return;
  bin.delete(id);
  await save(conversation as Conversation);
}

/** Deletes those conversations for good that are still in the bin. */
export async function emptyBin(ids: readonly string[]): Promise<void> {
  const removed = ids.filter((id) => bin.delete(id));
  if (removed.length === 0) return;
  removed.forEach((id) => gone.add(id));
  await write((from) => from.remove(removed));
  tellOthers({ type: 'removed', conversations: removed });
}

/** Keeps conversations in place of those with the same ids, in one transaction. Rejects where that fails. */
export async function replaceConversations(wholes: readonly Whole[]): Promise<void> {
  await (await keeper()).replace(wholes);
  wholes.forEach(({ conversation }) => gone.delete(conversation.id));
  await loadConversations();
  tellOthers({ type: 'all' });
}

/** Shows a conversation as it is now. */
function take(conversation: Conversation): void {
  const all = new Map(conversations.value);
  const { id, deleted } = conversation;
  if (deleted === undefined) {
    bin.delete(id);
    all.set(id, conversation);
  } else {
    bin.set(id, conversation);
    all.delete(id);
  }
  conversations.value = all;
}

/** Forgets conversations that are no longer kept. */
function drop(ids: readonly string[]): void {
  const all = new Map(conversations.value);
  for (const id of ids) {
    gone.add(id);
    bin.delete(id);
    all.delete(id);
  }
  conversations.value = all;
}

async function write(what: (to: Keeper) => Promise<void>): Promise<void> {
  try {
    await what(await keeper());
  } catch (error) {
    const full = error instanceof DOMException && error.name === 'QuotaExceededError';
    trouble.value ??= full ? 'full' : 'failed';
  }
}

/** What another tab tells. */
function hear(told: Change): void {
  if (trouble.value === 'unavailable') return; // then each tab has conversations of its own
  if (told.type === 'all') return void loadConversations();
  if (told.type === 'removed') return drop(told.conversations);
  take(told.conversation);
  if (told.messages.length > 0) changedElsewhere.value = told;
}
