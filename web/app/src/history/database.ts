// The browser's database of conversations (IndexedDB, through idb). Beside conversations and messages it has their bare texts, one
// record a conversation: search reads those several times faster than messages, of which there are many more.

import { signal } from '@preact/signals';
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from 'idb';
import { type Conversation, isUnfinished, type Message } from './types';

const NAME = 'minke';
/** 1: conversations and messages; 2: texts. */
const VERSION = 2;

/** The texts of a conversation's messages, by their ids. */
export interface Texts {
  conversation: string;
  texts: Map<string, string>;
}

export interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation };
  messages: { key: string; value: Message; indexes: { conversation: string } };
  texts: { key: string; value: Texts };
}

export type Database = IDBPDatabase<Schema>;

/**
 * Why conversations are not kept: the browser has no database for the page (`unavailable`), another tab has a `newer` or an
 * `older` version of the app, the disk is `full`, or writing `failed` otherwise.
 */
export type Trouble = 'unavailable' | 'newer' | 'older' | 'full' | 'failed';

export const trouble = signal<Trouble | undefined>(undefined);

let opened: Promise<Database> | undefined;

/** The database, opened once. Rejects where there is none, and says so in {@link trouble}. */
export function database(): Promise<Database> {
  opened ??= open().catch((error: unknown) => {
    const newer = error instanceof DOMException && error.name === 'VersionError';
    trouble.value ??= newer ? 'newer' : 'unavailable';
    throw error;
  });
  return opened;
}

async function open(): Promise<Database> {
  return new Promise((resolve, reject) => {
    const opening = openDB<Schema>(NAME, VERSION, {
      upgrade: (_, from, __, transaction) => upgrade(transaction, from),
      blocked() {
        trouble.value = 'older';
        void opening.then((late) => late.close());
        reject(new Error('another tab has an older version of the database open'));
      },
      blocking(_, __, event) {
        trouble.value = 'newer';
        (event.target as IDBDatabase).close(); // or the newer tab would wait for this one
      },
      terminated() {
        opened = undefined;
      },
    });
    opening.then(resolve, reject);
  });
}

type Upgrade = IDBPTransaction<Schema, ('conversations' | 'messages' | 'texts')[], 'versionchange'>;

async function upgrade(transaction: Upgrade, from: number): Promise<void> {
  const { db } = transaction;
  if (from < 1) {
    db.createObjectStore('conversations', { keyPath: 'id' });
    db.createObjectStore('messages', { keyPath: 'id' }).createIndex('conversation', 'conversation');
  }
  const texts = db.createObjectStore('texts', { keyPath: 'conversation' });
  let cursor = await transaction.objectStore('messages').index('conversation').openCursor();
  for (let own: Texts | undefined; cursor; cursor = await cursor.continue()) {
    const message = cursor.value;
    if (own?.conversation !== message.conversation) own = { conversation: message.conversation, texts: new Map() };
    addTexts(own, [message]);
    await texts.put(own);
  }
}

/** Adds the texts of messages, but for replies that are being made, which change each second. */
export function addTexts({ texts }: Texts, messages: readonly Message[]): void {
  for (const message of messages) if (!isUnfinished(message)) texts.set(message.id, textOf(message));
}

/** All that can be found of a message. */
function textOf(message: Message): string {
  const parts =
    message.role === 'user'
      ? [message.content, ...message.files.map(({ name }) => name)]
      : [message.reasoning, message.content];
  return parts.filter(Boolean).join('\n\n');
}
