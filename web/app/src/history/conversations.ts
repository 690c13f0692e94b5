// The conversations of this browser: what is known of all, and the messages of those that are open.

import { signal } from '@preact/signals';
import { database } from './database';
import { newId } from './id';
import type { Conversation, Message } from './types';

/** All conversations, in no order. Change them by the functions here only. */
export const conversations = signal<ReadonlyMap<string, Conversation>>(new Map());

export async function loadConversations(): Promise<void> {
  const all = await (await database()).getAll('conversations');
  conversations.value = new Map(all.map((conversation) => [conversation.id, conversation]));
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

/** Keeps a conversation, and messages of it that are new or were changed, in one transaction. */
export async function save(conversation: Conversation, ...messages: Message[]): Promise<void> {
  conversations.value = new Map(conversations.value).set(conversation.id, conversation);
  const transaction = (await database()).transaction(['conversations', 'messages'], 'readwrite');
  void transaction.objectStore('conversations').put(conversation);
  for (const message of messages) void transaction.objectStore('messages').put(message);
  await transaction.done;
}

/** All messages of a conversation, in no order. */
export async function messagesOf(conversation: string): Promise<Message[]> {
  return (await database()).getAllFromIndex('messages', 'conversation', conversation);
}

/** Deletes messages, and keeps the conversation as it is without them. */
export async function removeMessages(conversation: Conversation, messages: string[]): Promise<void> {
  conversations.value = new Map(conversations.value).set(conversation.id, conversation);
  const transaction = (await database()).transaction(['conversations', 'messages'], 'readwrite');
  void transaction.objectStore('conversations').put(conversation);
  for (const id of messages) void transaction.objectStore('messages').delete(id);
  await transaction.done;
}
