// The chat, walked through with the fake engine.

import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../../scripts/setup.mjs';
import { expect, test } from './page';
import { stored } from './seed';

const box = (page: Page) => page.getByRole('textbox', { name: 'Write a message' });
const answers = (page: Page) => page.locator('article.answer');
const questions = (page: Page) => page.locator('article.question');
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const status = (page: Page) => page.locator('.chat > [role=status]');

async function ask(page: Page, text: string): Promise<void> {
  await box(page).fill(text);
  await box(page).press('Enter');
}

/** What the next answers are: functions do not travel to the page, data does. */
const replyWith = (page: Page, deltas: object[]) =>
  page.evaluate((deltas) => {
    fake.reply = () => deltas;
  }, deltas);

const lastRequest = (page: Page) => page.evaluate(() => fake.requests.at(-1) as Record<string, unknown>);

/** A page that had a model before this load: what is changed in `fake` has to be said again. */
const loaded = (page: Page) => expect(page.getByText('What would you like to work out?')).toBeVisible();

test('an answer is streamed, told of and kept', async ({ fakePage: page }) => {
  await ask(page, 'What is a palindrome? Say it simply.');
  await expect(page).toHaveURL(/#\/c\/[\w-]+$/);
  await expect(answers(page).locator('.answer-text')).toHaveText('You said: What is a palindrome? Say it simply.');
  await expect(status(page)).toHaveText('Answer ready, 9 words');
  await expect(page.locator('.sidebar')).toContainText('What is a palindrome?');
  await expect(answers(page).locator('.answer-text')).toHaveAttribute('aria-busy', 'false');
  const request = await lastRequest(page);
  expect(request).toMatchObject({ temperature: 0.6, top_p: 0.95, overflow: 'slide' });
  expect(request['prompt_cache_key']).toBe(/c\/([\w-]+)$/.exec(page.url())?.[1]);
  expect(request).not.toHaveProperty('top_k');

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await answers(page).getByRole('button', { name: 'Copy' }).click();
  await expect.poll(copied).toBe('You said: What is a palindrome? Say it simply.');
  await page.locator('.facts-line').click();
  await button(page, 'Copy the seed').click();
  await expect.poll(copied).toBe(String(request['seed']));
  await expect(page.locator('.answer-facts')).toContainText('100 tokens/s');

  await page.reload();
  await expect(answers(page).locator('.answer-text')).toHaveText('You said: What is a palindrome? Say it simply.');
  await expect(page.locator('.facts-line')).toHaveText('3 tokens · 100 tokens/s');
});

test('thoughts are in a fold that closes with the answer, with the time', async ({ fakePage: page }) => {
  await page.clock.install();
  await page.reload();
  await page.clock.runFor(500);
  await loaded(page);
  await replyWith(page, [{ reasoning_content: 'Hm, so.' }, { hang: true }, { content: 'Then 12.' }]);
  await ask(page, 'How many?');
  await page.clock.runFor(300);
  const fold = page.locator('.reasoning');
  await expect(fold).toHaveAttribute('open');
  await expect(fold).toContainText('Hm, so.');
  await page.clock.runFor(12_000);
  await expect(fold.locator('summary')).toHaveText(/Thinking for 12 sec/);
  await expect(status(page)).toHaveText('Thinking');
  await expect(fold.locator('.reasoning-text')).toHaveAttribute('aria-busy', 'true');

  await button(page, 'Answer now').click();
  await page.clock.runFor(1000);
  await expect(answers(page).locator('.answer-text')).toHaveText('Then 12.');
  await expect(fold.locator('summary')).toHaveText(/Thought for 1[23] sec/);
  await expect(fold).not.toHaveAttribute('open');
  await fold.locator('summary').click();
  await expect(fold).toContainText('because you asked for the answer');
});

test('a fold stays as the reader left it', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ reasoning_content: 'One. ' }, { hang: true }, { content: 'Done.' }]);
  await ask(page, 'First?');
  const summary = page.locator('.reasoning summary');
  await summary.click();
  await expect(page.locator('.reasoning')).not.toHaveAttribute('open');
  await summary.click();
  await button(page, 'Answer now').click();
  await expect(answers(page).locator('.answer-text')).toHaveText('Done.');
  await expect(page.locator('.reasoning')).toHaveAttribute('open'); // which closes by itself where nobody touched it
  await page.reload();
  await expect(page.locator('.reasoning')).toHaveAttribute('open');
});

test('an answer is stopped and continued, in the same message', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ reasoning_content: 'So.' }, { content: 'It begins' }, { hang: true }]);
  await ask(page, 'A story?');
  await expect(page.getByText('It begins')).toBeVisible();
  await button(page, 'Stop').click();
  await expect(page.getByText('Stopped').first()).toBeVisible();
  await replyWith(page, [{ content: ' and goes on,' }, { content: ' on and on', finish: 'length' }]);
  await button(page, 'Continue').click();
  await expect(answers(page).locator('.answer-text')).toHaveText('It begins and goes on, on and on');
  await expect(page.getByText('The answer reached its maximum length.')).toBeVisible();
  const { messages } = (await lastRequest(page)) as { messages: unknown };
  expect(messages).toEqual([
    { role: 'user', content: 'A story?' },
    { role: 'assistant', prefix: true, reasoning_content: 'So.', content: 'It begins' },
  ]);
  await expect(answers(page)).toHaveCount(1);
  await replyWith(page, [{ content: '.' }]);
  await button(page, 'Continue').click();
  await expect(answers(page).locator('.answer-text')).toHaveText('It begins and goes on, on and on.');
  await expect(button(page, 'Continue')).toHaveCount(0);
});

test('thoughts that were cut off go on, and end where the model ends them', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ reasoning_content: 'First this' }, { hang: true }]);
  await ask(page, 'Why?');
  await expect(page.getByText('First this')).toBeVisible();
  await button(page, 'Stop').click();
  await expect(page.locator('.reasoning summary')).toHaveText(/without an answer yet/);
  await replyWith(page, [{ reasoning_content: ' then that.' }, { content: 'Because' }, { content: ' of it.' }]);
  await button(page, 'Continue').click();
  await expect(answers(page).locator('.answer-text')).toHaveText('Because of it.');
  await page.locator('.reasoning summary').click();
  await expect(page.locator('.reasoning-text')).toHaveText('First this then that.');
});

test('another answer, another question: branches', async ({ fakePage: page }) => {
  await loaded(page);
  await ask(page, 'Red?');
  await expect(answers(page).locator('.answer-text')).toHaveText('You said: Red?');
  await replyWith(page, [{ content: 'A second answer.' }]);
  await button(page, 'Another answer').click();
  await expect(answers(page).locator('.answer-text')).toHaveText('A second answer.');
  await expect(answers(page).locator('.branches')).toHaveText('2 of 2');
  await answers(page).getByRole('button', { name: 'Previous version' }).click();
  await expect(answers(page).locator('.answer-text')).toHaveText('You said: Red?');

  await questions(page).hover();
  await button(page, 'Edit the question').click();
  const field = page.getByRole('textbox', { name: 'Edit the question' });
  await expect(field).toBeFocused();
  await field.press('Escape');
  await expect(field).toHaveCount(0);
  await button(page, 'Edit the question').click();
  await field.fill('Blue?');
  await replyWith(page, [{ content: 'Blue it is.' }]);
  await questions(page).getByRole('button', { name: 'Send' }).click();
  await expect(answers(page).locator('.answer-text')).toHaveText('Blue it is.');
  await expect(questions(page).locator('.branches')).toHaveText('2 of 2');
  expect(await lastRequest(page)).toMatchObject({ messages: [{ role: 'user', content: 'Blue?' }] });

  await page.reload();
  await expect(answers(page).locator('.answer-text')).toHaveText('Blue it is.');
  await questions(page).getByRole('button', { name: 'Previous version' }).click();
  await expect(answers(page).locator('.branches')).toHaveText('2 of 2'); // the newest of that branch
});

test('the address of a message shows it, in whichever branch it is', async ({ fakePage: page, site }) => {
  await loaded(page);
  await replyWith(page, [{ content: 'A line.\n\n'.repeat(60) }]);
  await ask(page, 'Red?');
  await expect(status(page)).toHaveText(/Answer ready/);
  const first = (await answers(page).locator('h2').first().getAttribute('id'))?.replace('name-', '');
  await replyWith(page, [{ content: 'Another one.' }]);
  await button(page, 'Another answer').click();
  await expect(answers(page).locator('.answer-text')).toHaveText('Another one.');
  const address = page.url();
  await page.goto(`${site}#/`);
  await loaded(page);
  await page.goto(`${address}/${first}`);
  await expect(answers(page).locator('.branches')).toHaveText('1 of 2');
  await expect(answers(page)).toBeInViewport();
  await expect(button(page, 'To the newest')).toBeVisible(); // it is its beginning that is shown
});

test('files go with a question, and Escape stops the answer', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ content: 'It is' }, { hang: true }]);
  const table = { name: 'table.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') };
  await page.locator('.composer input[type=file]').setInputFiles(table);
  await expect(page.locator('.composer')).toContainText('table.csv');
  await expect(button(page, 'Send')).toBeEnabled();
  await ask(page, 'What is in it?');
  await expect(page.getByText('It is', { exact: true })).toBeVisible();
  await expect(questions(page)).toContainText('table.csv');
  await expect(page.locator('.composer')).not.toContainText('table.csv');
  const { messages } = (await lastRequest(page)) as { messages: { content: string }[] };
  expect(messages[0]?.content).toMatch(/```csv\na,b\n1,2\n```.*What is in it\?$/s);
  await page.keyboard.press('Escape');
  await expect(button(page, 'Continue')).toBeVisible();
});

test('messages are deleted with what follows, and come back', async ({ fakePage: page }) => {
  await loaded(page);
  for (const text of ['One?', 'Two?']) {
    await ask(page, text);
    await expect(answers(page).last().locator('.answer-text')).toHaveText(`You said: ${text}`);
  }
  await questions(page).last().hover();
  await questions(page).last().getByRole('button', { name: 'Delete' }).click();
  await expect(page.locator('article')).toHaveCount(2);
  await button(page, 'Undo').click();
  await expect(page.locator('article')).toHaveCount(4);
  await answers(page).last().getByRole('button', { name: 'Delete' }).click();
  await expect(page.locator('article')).toHaveCount(3);
  await expect.poll(async () => (await stored(page))['messages']?.length, 'what is shown is kept soon after').toBe(3);
  await page.reload();
  await expect(page.locator('article')).toHaveCount(3);
  await button(page, 'Get an answer').click();
  await expect(answers(page).last().locator('.answer-text')).toHaveText('You said: Two?');
});

test('typing goes on while it answers; Enter of an input method sends nothing', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ content: 'Well' }, { hang: true }]);
  await ask(page, 'Begin.');
  await expect(page.getByText('Well')).toBeVisible();
  await box(page).fill('Next');
  await box(page).press('Enter');
  await expect(box(page)).toHaveValue('Next');
  await button(page, 'Stop').click();
  await expect(page.getByText('Stopped').first()).toBeVisible();
  await box(page).evaluate((field) => {
    const composing = { key: 'Enter', bubbles: true, cancelable: true, isComposing: true };
    field.dispatchEvent(new KeyboardEvent('keydown', composing));
    field.dispatchEvent(new KeyboardEvent('keydown', { ...composing, isComposing: false, keyCode: 229 }));
  });
  await box(page).press('Shift+Enter');
  await expect(box(page)).toHaveValue('Next\n');
  await expect(questions(page)).toHaveCount(1);
  await page.reload();
  await expect(box(page)).toHaveValue('Next\n');
  await box(page).press('Enter');
  await expect(questions(page)).toHaveCount(2);
  await expect(box(page)).toHaveValue('');
});

test('the context fills, and at 90 % people are told what to do', async ({ fakePage: page }) => {
  await page.addInitScript(() => {
    fake.nCtx = 100;
  });
  await page.reload();
  await loaded(page);
  await replyWith(page, [{ content: 'Yes.' }]);
  await ask(page, 'x'.repeat(4 * 80)); // 80 tokens, 3 around them, 1 of the answer
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuetext', '84 of 100 tokens of the context are used');
  await expect(page.getByRole('note')).toHaveCount(0);
  await ask(page, 'y'.repeat(4 * 6));
  await expect(page.getByRole('meter')).toHaveAttribute('aria-valuetext', '91 of 100 tokens of the context are used');
  await expect(page.getByRole('note')).toContainText('The model no longer reads the oldest messages');
  await page.getByRole('note').getByRole('link', { name: 'Start a new chat' }).click();
  await loaded(page);
});

test('the end is followed only while the reader is there', async ({ fakePage: page }) => {
  await loaded(page);
  const line = { content: 'A line of an answer that is long.\n\n' };
  await page.evaluate(() => {
    fake.step = 25;
  });
  await replyWith(page, Array<object>(60).fill(line));
  await ask(page, 'Much?');
  const main = page.locator('main');
  const top = () => main.evaluate(({ scrollTop }) => scrollTop);
  const gap = () =>
    main.evaluate(({ scrollHeight, clientHeight, scrollTop }) => scrollHeight - clientHeight - scrollTop);
  await expect.poll(top).toBeGreaterThan(400);
  expect(await gap()).toBeLessThan(2);
  await main.hover();
  await page.mouse.wheel(0, -300);
  await expect(button(page, 'To the newest')).toBeVisible();
  const left = await top();
  await expect(status(page)).toHaveText(/Answer ready/);
  expect(await top()).toBeCloseTo(left, 0);
  expect(await gap()).toBeGreaterThan(400);
  await button(page, 'To the newest').click();
  await expect.poll(gap).toBeLessThan(2);
  await expect(button(page, 'To the newest')).toHaveCount(0);
  await page.reload();
  await expect(answers(page)).toHaveCount(1);
  await expect.poll(gap).toBeLessThan(2);
});

/** The engine's name of the answer, once the app has kept it with this content. */
const completionOf = (page: Page, content: string) =>
  page.evaluate(async (content) => {
    const request = indexedDB.open('minke');
    await new Promise((done) => request.addEventListener('success', done));
    for (;;) {
      const all = request.result.transaction('messages').objectStore('messages').getAll();
      await new Promise((done) => all.addEventListener('success', done));
      const known = all.result as { completion?: string; content: string }[];
      const answer = known.find((message) => message.completion && message.content === content);
      if (answer?.completion) return answer.completion;
    }
  }, content);

test('a reload in the middle of an answer goes on with it', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ content: 'Half of' }, { hang: true }]);
  await ask(page, 'All?');
  const completion = await completionOf(page, 'Half of');
  await page.addInitScript((id) => {
    fake.unfinished = [{ id, created: 0, deltas: [{ content: 'Half of' }, { content: ' it, and the rest.' }] }];
  }, completion);
  await page.reload();
  await expect(answers(page).locator('.answer-text')).toHaveText('Half of it, and the rest.');
  await expect(answers(page)).toHaveCount(1);
  expect(await page.evaluate(() => fake.requests)).toMatchObject([{ resumed: completion }]);
});

test('a reload in the middle of an answer that was continued keeps both halves', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ content: 'Half of' }, { hang: true }]);
  await ask(page, 'All?');
  await expect(page.getByText('Half of')).toBeVisible();
  await button(page, 'Stop').click();
  await replyWith(page, [{ content: ' it,' }, { hang: true }]);
  await button(page, 'Continue').click();
  const completion = await completionOf(page, 'Half of it,');
  await page.addInitScript((id) => {
    fake.unfinished = [{ id, created: 0, deltas: [{ content: ' it,' }, { content: ' and the rest.' }] }];
  }, completion);
  await page.reload();
  await expect(answers(page).locator('.answer-text')).toHaveText('Half of it, and the rest.');
});

test('an answer that another tab writes is left alone; one that nobody can resume is stopped', async ({
  fakePage: page,
}) => {
  await loaded(page);
  await replyWith(page, [{ content: 'Half of' }, { hang: true }]);
  await ask(page, 'All?');
  await completionOf(page, 'Half of');
  const other = await page.context().newPage();
  await other.addInitScript({ path: join(root, 'tests/browser/page/fake-engine.js') });
  await other.goto(page.url());
  await expect(other.getByText('Another tab is writing this answer.')).toBeVisible();
  await expect(answers(other).locator('.answer-text')).toHaveText('Half of');
  await expect(button(other, 'Continue')).toHaveCount(0);
  await expect(button(page, 'Stop')).toBeVisible();
  await page.reload(); // which cuts it off, and has an engine that knows nothing of it
  await expect(answers(page).locator('.answer-text')).toHaveText('Half of');
  await expect(button(page, 'Continue')).toBeVisible();
  await expect(button(other, 'Continue')).toBeVisible();
  expect(await page.evaluate(() => fake.requests.length)).toBe(0);
});

test('what fails is told in words, with a way on', async ({ fakePage: page }) => {
  await loaded(page);
  await replyWith(page, [{ content: 'I was' }, { fail: 'the GPU has no room left' }]);
  await ask(page, 'Well?');
  await expect(page.getByRole('alert')).toContainText('The answer could not be finished: the GPU has no room left');
  await replyWith(page, [{ content: ' saved.' }]);
  await page.getByRole('alert').getByRole('button', { name: 'Continue' }).click();
  await expect(answers(page).locator('.answer-text')).toHaveText('I was saved.');
});

test('without a model: the only one is loaded, or one is chosen, or a card says how to get one', async ({
  fakePage: page,
}) => {
  const keep = (count: number) =>
    page.evaluate((count) => {
      localStorage.removeItem('minke.lastModel');
      fake.kept = [fake.model(), fake.model('https://example.org/other-model.gguf')].slice(0, count);
    }, count);
  const menu = page.locator('.model-menu');
  await expect(menu).toHaveText('DeepSeek R1 Distill Qwen 1.5B');
  await keep(2);
  await page.reload();
  await expect(page.getByText('Which model should answer?')).toBeVisible();
  await expect(menu).toHaveText('Choose a model');
  await page.locator('.start').getByRole('button', { name: 'other model' }).click();
  await expect(menu).toHaveText('other model');
  await page.reload(); // it was used last
  await expect(menu).toHaveText('other model');
  await menu.click();
  await page.getByRole('menuitem', { name: 'Remove from memory' }).click();
  await expect(menu).toHaveText('Choose a model');
  await keep(0);
  await page.reload();
  await expect(page.locator('.start .main')).toHaveAttribute('href', /\/models\//);
});

test('what is sent while the model loads is answered when it is ready', async ({ fakePage: page }) => {
  await page.addInitScript(() => {
    fake.loadStep = 100;
  });
  await page.reload();
  await expect(page.getByRole('progressbar')).toBeVisible();
  await page.getByRole('button', { name: 'Why is the sky blue' }).click();
  await expect(page.getByText('The answer begins when DeepSeek R1 Distill Qwen 1.5B is ready.')).toBeVisible();
  await expect(answers(page).locator('.answer-text')).toHaveText(/^You said: Why is the sky/);
});

test('a model that cannot be loaded is told of, and is tried again', async ({ fakePage: page }) => {
  await loaded(page);
  await page.evaluate(() => {
    fake.failure = { code: 'out_of_memory', message: 'the GPU has too little memory' };
  });
  const chooser = page.waitForEvent('filechooser');
  await page.locator('.model-menu').click();
  await page.getByRole('menuitem', { name: 'Open a .gguf file' }).click();
  await (await chooser).setFiles({ name: 'my-model.gguf', mimeType: '', buffer: Buffer.from('GGUF') });
  await expect(page.getByRole('alert')).toContainText('could not be loaded: the GPU has too little memory');
  await page.evaluate(() => {
    fake.failure = undefined;
  });
  await button(page, 'Try again').click();
  await expect(page.locator('.model-menu')).toHaveText('my model');
  await expect(page.getByRole('alert')).toHaveCount(0);
});

test('a browser without WebGPU is told so in words', async ({ fakePage: page }) => {
  await page.addInitScript(() => Object.defineProperty(Navigator.prototype, 'gpu', { get: () => undefined }));
  await page.reload();
  await expect(page.getByText('This browser has no WebGPU')).toBeVisible();
  await box(page).fill('Is it so?');
  await expect(button(page, 'Send')).toBeDisabled();
});

test('what one conversation has differently is chosen in words', async ({ fakePage: page }) => {
  await loaded(page);
  await button(page, 'Settings of this conversation').click();
  const dialog = page.getByRole('dialog', { name: 'Settings of this conversation' });
  await dialog.getByRole('textbox', { name: 'System prompt' }).fill('Be brief.');
  await expect(dialog).toContainText('1 setting differs from the general ones.');
  await expect(dialog).not.toContainText(/settings\.[a-z]/); // the name of a text
  await page.keyboard.press('Escape');
  await ask(page, 'Is it so?');
  await expect(status(page)).toHaveText(/Answer ready/);
  const { messages } = (await lastRequest(page)) as { messages: object[] };
  expect(messages[0]).toEqual({ role: 'system', content: 'Be brief.' });
});

test('thinking is chosen for each conversation', async ({ fakePage: page }) => {
  await loaded(page);
  const choose = async (name: RegExp) => {
    await page.locator('.think').click();
    await page.getByRole('menuitemradio', { name }).click();
  };
  await choose(/without thinking/);
  await ask(page, 'Quick?');
  await expect(status(page)).toHaveText(/Answer ready/);
  expect(await lastRequest(page)).toMatchObject({ thinking: { type: 'disabled' } });
  await page.reload();
  await choose(/at most/);
  await ask(page, 'Brief?');
  await expect(answers(page).last().locator('.answer-text')).toHaveText('You said: Brief?');
  expect(await lastRequest(page)).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 4096 } });
  await page.locator('.sidebar').getByText('New chat').click();
  await expect(page.locator('.think')).toHaveText('Thinking: on');
});

test('nothing is wider than a screen of 320 pixels', async ({ fakePage: page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await loaded(page);
  const long = 'long'.repeat(60);
  await replyWith(page, [{ reasoning_content: long }, { content: `${long} ${long}` }]);
  await ask(page, long);
  await expect(status(page)).toHaveText(/Answer ready/);
  await page.locator('.facts-line').click();
  await page.locator('.reasoning summary').click();
  await questions(page).getByRole('button', { name: 'Edit the question' }).click();
  const wider = await page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('main, .page')]
      .filter((element) => element.scrollWidth > element.clientWidth)
      .map(({ className, tagName }) => `${tagName} ${className}`),
  );
  expect(wider).toEqual([]);
});
