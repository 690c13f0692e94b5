// What keeps conversations: the browser's database, or the memory of this visit where a browser gives the page none.

import { addTexts, database, type Texts } from './database';
import type { Conversation, Message } from './types';

/** A conversation with its messages. */
export interface Whole {
  conversation: Conversation;
  messages: Message[];
}

/** Each function is one transaction: all of it is done or nothing. */
export interface Keeper {
  conversations(): Promise<Conversation[]>;
  messagesOf(conversation: string): Promise<Message[]>;
  texts(): Promise<Texts[]>;
  save(conversation: Conversation, messages: readonly Message[]): Promise<void>;
  /** Puts conversations in place of those with the same ids. Rejects where a message has an id that another conversation has. */
  replace(wholes: readonly Whole[]): Promise<void>;
  remove(conversations: readonly string[]): Promise<void>;
  removeMessages(conversation: Conversation, messages: readonly string[]): Promise<void>;
}

let chosen: Promise<Keeper> | undefined;

/** The keeper of this visit. */
export function keeper(): Promise<Keeper> {
  chosen ??= database().then(
    () => kept,
    () => inMemory(),
  );
  return chosen;
}

const ALL = ['conversations', 'messages', 'texts'] as const;
/** How many conversations' texts are read at a time: more would hold up what the person types. */
const BATCH = 64;

const writing = async () => (await database()).transaction([...ALL], 'readwrite');
type Writing = Awaited<ReturnType<typeof writing>>;

async function deleteConversation(transaction: Writing, id: string): Promise<void> {
  const messages = transaction.objectStore('messages');
  void transaction.objectStore('conversations').delete(id);
  void transaction.objectStore('texts').delete(id);
  for (const key of await messages.index('conversation').getAllKeys(id)) void messages.delete(key);
}

const kept: Keeper = {
  conversations: async () => (await database()).getAll('conversations'),
  messagesOf: async (conversation) => (await database()).getAllFromIndex('messages', 'conversation', conversation),

  async texts() {
    const { store } = (await database()).transaction('texts');
    const starts = (await store.getAllKeys()).filter((_, index) => index % BATCH === 0);
    const ranges = starts.map((start, index) => {
      const next = starts[index + 1];
      return next === undefined ? IDBKeyRange.lowerBound(start) : IDBKeyRange.bound(start, next, false, true);
    });
    const batches = await Promise.all(ranges.map((range) => store.getAll(range))); // all at once, so that none waits for another
    return batches.flat();
  },

  async save(conversation, messages) {
    const transaction = await writing();
    void transaction.objectStore('conversations').put(conversation);
    for (const message of messages) void transaction.objectStore('messages').put(message);
    if (messages.length > 0) {
      const texts = transaction.objectStore('texts');
      const own = (await texts.get(conversation.id)) ?? { conversation: conversation.id, texts: new Map() };
      addTexts(own, messages);
      void texts.put(own);
    }
    await transaction.done;
  },

  async replace(wholes) {
    const transaction = await writing();
    const { done } = transaction;
    done.catch(() => {}); // what failed is told by the request that did
    for (const { conversation, messages } of wholes) {
      await deleteConversation(transaction, conversation.id);
      const own: Texts = { conversation: conversation.id, texts: new Map() };
      addTexts(own, messages);
      await Promise.all([
        transaction.objectStore('conversations').add(conversation),
        transaction.objectStore('texts').add(own),
        ...messages.map((message) => transaction.objectStore('messages').add(message)),
      ]);
    }
    await done;
  },

  async remove(conversations) {
    const transaction = await writing();
    await Promise.all(conversations.map((id) => deleteConversation(transaction, id)));
    await transaction.done;
  },

  async removeMessages(conversation, messages) {
    const transaction = await writing();
    void transaction.objectStore('conversations').put(conversation);
    const own = await transaction.objectStore('texts').get(conversation.id);
    for (const id of messages) {
      void transaction.objectStore('messages').delete(id);
      own?.texts.delete(id);
    }
    if (own) void transaction.objectStore('texts').put(own);
    await transaction.done;
  },
};

function inMemory(): Keeper {
  const wholes = new Map<string, { conversation: Conversation; messages: Map<string, Message> }>();
  const textsOf = (id: string): Texts => {
    const own: Texts = { conversation: id, texts: new Map() };
    addTexts(own, [...(wholes.get(id)?.messages.values() ?? [])]);
    return own;
  };
  return {
    conversations: async () => [...wholes.values()].map(({ conversation }) => conversation),
    messagesOf: async (id) => [...(wholes.get(id)?.messages.values() ?? [])],
    texts: async () => [...wholes.keys()].map(textsOf),
    async save(conversation, messages) {
      const own = wholes.get(conversation.id)?.messages ?? new Map<string, Message>();
      for (const message of messages) own.set(message.id, message);
      wholes.set(conversation.id, { conversation, messages: own });
    },
    async replace(given) {
      for (const { conversation, messages } of given) {
        wholes.set(conversation.id, { conversation, messages: new Map(messages.map((one) => [one.id, one])) });
      }
    },
    async remove(ids) {
      for (const id of ids) wholes.delete(id);
    },
    async removeMessages(conversation, ids) {
      const own = wholes.get(conversation.id)?.messages ?? new Map<string, Message>();
      for (const id of ids) own.delete(id);
      wholes.set(conversation.id, { conversation, messages: own });
    },
  };
}
