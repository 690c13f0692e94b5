// The screens that are looked at, by accessibility.spec.ts and by screenshots.spec.ts, and the way to each.

import type { Locator, Page } from '@playwright/test';
import type { Conversation, Message } from '../../../web/app/src/history/types';
import { conversations, lastLine, reasoning } from './conversation';
import { expect, textsIn } from './page';

/** A page of the app with the fake engine, and its texts. */
export interface Look {
  page: Page;
  site: string;
  language: 'en' | 'ar';
}

/** A text of the app, as it is in a language. */
function words({ language }: Look, key: string): string {
  const text = textsIn(language)[key];
  if (typeof text !== 'string') throw new Error(`there is no text ${key}`);
  return text;
}

async function visit(look: Look, path: string): Promise<void> {
  const { page, site, language } = look;
  const appearance = JSON.stringify({ theme: 'system', textSize: 'medium', language });
  await page.evaluate((value) => localStorage.setItem('minke.appearance', value), appearance);
  await page.goto(site + path);
  await page.reload(); // where only the part after # is another one
  await expect(page.locator('#app')).not.toBeEmpty();
  await expect(page.locator('html')).toHaveAttribute('dir', language === 'ar' ? 'rtl' : 'ltr');
}

const titled = (look: Look, key: string): Locator => look.page.getByRole('heading', { name: words(look, key) });

/** Puts conversations into the browser's database, as the app keeps them. */
async function keep(page: Page, all: [Conversation, Message[]][]): Promise<void> {
  await page.evaluate(async (all) => {
    const opening = indexedDB.open('minke');
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const database = opening.result;
    const transaction = database.transaction(['conversations', 'messages'], 'readwrite');
    for (const [conversation, messages] of all) {
      transaction.objectStore('conversations').put(conversation);
      for (const message of messages) transaction.objectStore('messages').put(message);
    }
    await new Promise((resolve) => (transaction.oncomplete = resolve));
    database.close();
  }, all);
}

async function chat(look: Look): Promise<void> {
  await keep(look.page, conversations());
  await visit(look, '');
  await expect(look.page.getByRole('main').getByRole('textbox')).toBeVisible();
  await expect(look.page.getByRole('button', { name: words(look, 'files.attach') })).toBeVisible();
  await expect(look.page.getByRole('progressbar')).toHaveCount(0); // the model is there
}

/** Each brings the page there, and fails where it does not arrive. */
export const screens: Record<string, (look: Look) => Promise<void>> = {
  async welcome(look) {
    await look.page.evaluate(() => {
      fake.kept = [];
    });
    await visit(look, '');
    await expect(titled(look, 'welcome.title')).toBeVisible();
  },

  chat,

  async answer(look) {
    const { page } = look;
    const all = conversations();
    await keep(page, all);
    await visit(look, `#/c/${all[0]?.[0].id}`);
    const main = page.getByRole('main');
    await expect(main.getByRole('table')).toBeVisible();
    await expect(main.locator('.katex').first()).toBeVisible();
    await expect(main.locator('pre').first()).toBeVisible();
    await main.locator('summary').first().click();
    await expect(main.getByText(reasoning.slice(0, 40))).toBeVisible();
    await expect(main.getByText(lastLine)).toBeAttached();
  },

  async search(look) {
    await chat(look);
    await look.page.keyboard.press('Control+k');
    await expect(look.page.getByRole('dialog', { name: words(look, 'history.search') })).toBeVisible();
  },

  async settings(look) {
    await visit(look, '#/settings');
    await expect(titled(look, 'settings.title').first()).toBeVisible();
  },

  async models(look) {
    const { page } = look;
    await visit(look, 'models/');
    await expect(titled(look, 'models.title').first()).toBeVisible();
    await page.evaluate(() => {
      let steps = 0;
      // the download comes to four tenths, and stays there
      Object.defineProperty(fake, 'loadStep', { get: () => (++steps > 5 ? 2 ** 30 : 10) });
    });
    await page
      .getByRole('button', { name: `${words(look, 'models.download')} ` })
      .first()
      .click();
    await expect(page.getByRole('progressbar').first()).toBeVisible();
  },

  async privacy(look) {
    await visit(look, '#/privacy');
    await expect(titled(look, 'privacy.title').first()).toBeVisible();
  },

  async server(look) {
    await visit(look, 'server/');
    await expect(titled(look, 'server.title').first()).toBeVisible();
  },
};
