// Conversations put straight into the browser's database, in the schema of web/app/src/history/database.ts.

import type { Page } from '@playwright/test';
import type { Conversation, Message } from '../../../web/app/src/history/types';

export interface Seed extends Partial<Conversation> {
  id: string;
  /** Questions and answers, in turn. */
  turns?: string[];
}

/** A moment so many days ago, at noon. */
export const daysAgo = (days: number): number =>
  new Date(new Date().setHours(12, 0, 0, 0)).setDate(new Date().getDate() - days);

/** Puts conversations there, and loads the page anew. */
export async function seed(page: Page, seeds: Seed[]): Promise<void> {
  await page.evaluate(put, seeds.map(whole));
  await page.reload();
}

function whole({ turns = [], ...given }: Seed): { conversation: Conversation; messages: Message[] } {
  const { id } = given;
  const created = given.updated ?? Date.now();
  const messages = turns.map((content, index): Message => {
    const said = { id: `${id}-${index}`, conversation: id, created: created + index, content };
    const parent = index > 0 ? `${id}-${index - 1}` : null;
    return index % 2 === 0
      ? { ...said, parent, role: 'user', files: [] }
      : { ...said, parent, role: 'assistant', reasoning: '', state: 'done', facts: { model: 'Fake' } };
  });
  const conversation: Conversation = {
    title: id,
    titledBy: 'words',
    created,
    updated: created,
    pinned: false,
    archived: false,
    settings: {},
    leaf: messages.at(-1)?.id ?? null,
    ...given,
  };
  return { conversation, messages };
}

/** Runs in the page. */
async function put(wholes: { conversation: Conversation; messages: Message[] }[]): Promise<void> {
  const opening = indexedDB.open('minke');
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = reject;
  });
  const transaction = db.transaction(['conversations', 'messages', 'texts'], 'readwrite');
  for (const { conversation, messages } of wholes) {
    transaction.objectStore('conversations').put(conversation);
    const texts = new Map<string, string>();
    for (const message of messages) {
      transaction.objectStore('messages').put(message);
      texts.set(message.id, message.content);
    }
    transaction.objectStore('texts').put({ conversation: conversation.id, texts });
  }
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = reject;
  });
  db.close();
}

/** 1,000 conversations with ten messages of 500 to 2,000 characters each: the same ones each time. */
export function manyConversations(): Seed[] {
  const words = WORDS.split(' ');
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const text = () => {
    const length = 500 + random() * 1500;
    let written = '';
    while (written.length < length) written += `${words[Math.floor(random() * words.length)]} `;
    return written;
  };
  return Array.from({ length: 1000 }, (_, index) => ({
    id: `many-${String(index).padStart(4, '0')}`,
    title: `Conversation ${index} about ${words[index % words.length]}`,
    updated: daysAgo(index / 3),
    turns: Array.from({ length: 10 }, text),
  }));
}

const WORDS =
  'the model thinks about a sum of two primes and the energy wave function so we need a proof Wait let me check again the answer is therefore that light scatters more when blue the user asks for code in Python with a list of numbers return value café naïve why question because integral matrix';
