// Conversations put straight into the browser's database, in the schema of web/app/src/history/database.ts, and what tests do with
// the list of them.

import { expect, type Locator, type Page } from '@playwright/test';
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
  await page.locator('#sidebar').waitFor({ state: 'attached' });
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

export const side = (page: Page): Locator => page.getByRole('navigation', { name: 'Conversations' });
export const entry = (page: Page, name: string): Locator => side(page).getByRole('link', { name, exact: true });

export async function choose(page: Page, title: string, item: string): Promise<void> {
  await entry(page, title).hover();
  await side(page)
    .getByRole('button', { name: `Options for ${title}` })
    .click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** What the database has, by store. */
export const stored = (page: Page): Promise<Record<string, Record<string, unknown>[]>> =>
  page.evaluate(async () => {
    const result = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = reject;
      });
    const db = await result(indexedDB.open('minke'));
    const all: Record<string, Record<string, unknown>[]> = {};
    for (const name of db.objectStoreNames) all[name] = await result(db.transaction(name).objectStore(name).getAll());
    db.close();
    return all;
  });

/** Opens the search and types. */
export async function search(page: Page, query: string): Promise<void> {
  if (!(await page.getByRole('dialog').isVisible())) await page.keyboard.press('Control+k');
  await page.getByRole('combobox').fill(query);
}

/** Imports a file; what is said of it. */
export async function importText(page: Page, text: string): Promise<string> {
  if (!(await page.getByRole('dialog').isVisible())) {
    await side(page).getByRole('button', { name: 'Import and export' }).click();
  }
  const note = page.getByRole('dialog').locator('.note');
  await note.evaluateAll(([old]) => old?.setAttribute('data-old', ''));
  const file = { name: 'conversations.json', mimeType: 'application/json', buffer: Buffer.from(text) };
  await page.getByRole('dialog').locator('input[type=file]').setInputFiles(file);
  await expect(page.getByRole('dialog').getByRole('button', { name: 'Choose a file' })).toBeEnabled();
  return note.innerText();
}
