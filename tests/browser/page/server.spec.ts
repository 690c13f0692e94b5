// A server answers, by choice only: how it is chosen, what goes wrong, and what is told and kept meanwhile.

import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from '@playwright/test';
import { readAddress } from '../../../web/app/src/server/address';
import { expect, open, test as base } from './page';

const MODELS = ['deepseek-ai/DeepSeek-R1-Distill-Qwen-32B', 'Qwen/Qwen3-8B'];

/** Has a server answer at a port of its own. */
const test = base.extend<{ listen: (listener: RequestListener) => Promise<{ origin: string; close(): void }> }>({
  listen: async ({}, use) => {
    const closing: (() => void)[] = [];
    await use(async (listener) => {
      const server = createServer(listener);
      await new Promise<void>((resolve) => server.listen(0, resolve));
      const close = () => (server.close(), server.closeAllConnections());
      closing.push(close);
      return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, close };
    });
    closing.forEach((close) => close());
  },
});

/** What lets pages of other origins ask. */
function allow(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('access-control-allow-headers', 'authorization, content-type');
}

/** A server of OpenAI's kind that notes down what it is asked. */
function speaking(models: string[], heard: IncomingMessage[] = [], key?: string): RequestListener {
  return (request, response) => {
    allow(response);
    if (request.method === 'OPTIONS') return response.end();
    heard.push(request);
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`)
      return response.writeHead(401).end(JSON.stringify({ error: { message: 'Incorrect API key' } }));
    if (request.url === '/v1/models') return response.end(JSON.stringify({ data: models.map((id) => ({ id })) }));
    return response.writeHead(404).end();
  };
}

/** The same, and it answers what it is asked, in pieces; the bodies of what it was asked. */
function answering(model: string, asked: Record<string, unknown>[]): RequestListener {
  const speaks = speaking([model]);
  return async (request, response) => {
    if (request.method !== 'POST') return speaks(request, response);
    allow(response);
    let body = '';
    for await (const piece of request) body += String(piece);
    asked.push(JSON.parse(body) as Record<string, unknown>);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const delta of [{ reasoning_content: 'A capital.' }, { content: 'It is ' }, { content: '**Paris**.' }]) {
      const chunk = { id: 'c1', model, choices: [{ index: 0, delta, finish_reason: null }] };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    }
    const last = { id: 'c1', model, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
    response.end(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`);
  };
}

const address = (page: Page) => page.getByRole('textbox', { name: 'Address of the server' });
const key = (page: Page) => page.getByLabel('API key (optional)');
const banner = (page: Page) => page.getByRole('region', { name: 'Where answers come from' });
const use = (page: Page) => page.getByRole('button', { name: 'Chat with it' });

async function connectTo(page: Page, to: string): Promise<void> {
  await address(page).fill(to);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
}

/** All that the browser keeps of it, and where. */
const keptBy = (page: Page) =>
  page.evaluate(() => ({ local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage) }));

test('a server is chosen, answers under a banner, and is left again', async ({ fakePage: page, site, listen }) => {
  const heard: IncomingMessage[] = [];
  const { origin } = await listen(speaking(MODELS, heard));
  await open(page, site, '#/settings');
  await page.getByRole('link', { name: 'Connect to a server' }).click();
  await expect(page.getByText('it is no longer private to this device')).toBeVisible();
  await expect(banner(page)).toHaveCount(0);

  await connectTo(page, origin.replace('http://', '')); // scheme and path are added
  await expect(page).toHaveURL(`${site}server/?at=${encodeURIComponent(origin)}`);
  await expect(page.getByRole('group', { name: /has 2 models/ })).toBeVisible();
  await page.getByRole('radio', { name: MODELS[1] as string }).check();
  await use(page).click();
  await expect(banner(page)).toContainText(/Answers come from .*localhost:\d+.*What you write is sent there\./);
  await expect(address(page)).toHaveCount(0);
  expect(heard.map(({ url }) => url)).toEqual(['/v1/models']);
  expect(heard[0]?.headers.authorization).toBeUndefined();
  await page.goto(`${page.url()}#/settings`);
  await expect(page.getByRole('heading', { name: 'Settings', exact: true })).toBeVisible();
  await expect(banner(page)).toBeVisible();
  await page.goBack();

  await banner(page).getByRole('button', { name: 'Disconnect' }).click();
  await expect(page).toHaveURL(/^[^?]*\/(#.*)?$/);
  await expect(page.locator('html')).toHaveAttribute('data-scope', 'chat');
  await expect(banner(page)).toHaveCount(0);
});

test('a chat is answered by the server, and is in the history of this browser', async ({
  fakePage: page,
  site,
  listen,
}) => {
  const asked: Record<string, unknown>[] = [];
  const { origin } = await listen(answering('whale', asked));
  await open(page, site, 'server/');
  await connectTo(page, origin);
  await expect(banner(page)).toBeVisible();
  const box = page.getByRole('textbox', { name: 'Write a message' });
  await box.fill('What is the capital of France?');
  await box.press('Enter');
  const answer = page.getByRole('article').last();
  await expect(answer.locator('strong')).toHaveText('Paris');
  await expect(answer.locator('summary')).toContainText('Thought');
  expect(asked).toEqual([expect.objectContaining({ model: 'whale', stream: true })]);
  expect(asked[0]?.['messages']).toEqual([{ role: 'user', content: 'What is the capital of France?' }]);

  await box.fill('And of Spain?');
  await box.press('Enter');
  await expect.poll(() => asked.length).toBe(2);
  const roles = (asked[1]?.['messages'] as { role: string; content: string }[]).map(({ role }) => role);
  expect(roles, 'what was said before').toEqual(['user', 'assistant', 'user']);
  expect(JSON.stringify(asked[1]), 'but not what was thought').not.toContain('A capital.');

  await banner(page).getByRole('button', { name: 'Disconnect' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-scope', 'chat');
  await expect(page.getByRole('navigation').getByText('What is the capital of France?')).toBeVisible();
});

test('the colour of the banner is one that nothing else has', async ({ fakePage: page, site, listen }) => {
  const { origin } = await listen(speaking(['only']));
  await open(page, site, 'server/');
  await connectTo(page, origin); // which has one model: there is nothing to choose
  const colours = await banner(page).evaluate((element) => {
    const probe = document.body.appendChild(document.createElement('p'));
    probe.style.background = 'var(--away-soft)';
    return [getComputedStyle(element).backgroundColor, getComputedStyle(probe).backgroundColor];
  });
  expect(colours[0]).toBe(colours[1]);
  expect(colours[0]).not.toBe('rgba(0, 0, 0, 0)');
});

test('nothing is asked of anyone before the person connects', async ({ fakePage: page, site, listen }) => {
  const heard: IncomingMessage[] = [];
  const { origin } = await listen(speaking(MODELS, heard));
  await page.evaluate((address) => {
    localStorage.setItem('minke.servers', JSON.stringify([address, 7, 'no address']));
    const entered = { address: 'https://elsewhere.example/v1', key: 'secret', keepKey: true };
    sessionStorage.setItem('minke.server.entered', JSON.stringify(entered)); // as for another document than this
  }, `${origin}/v1`);
  await open(page, site, `server/?at=${encodeURIComponent(origin)}`);
  await expect(address(page)).toHaveValue(`${origin}/v1`);
  await expect(key(page)).toHaveValue('');
  expect((await keptBy(page)).session).not.toContain('secret');
  expect(heard).toEqual([]);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await expect(use(page)).toBeVisible(); // so the list would have been asked for
  expect(heard).toHaveLength(1);
});

test('a key is sent, and kept nowhere unless the person wants it for this tab', async ({
  fakePage: page,
  site,
  listen,
  log,
}) => {
  const heard: IncomingMessage[] = [];
  const { origin } = await listen(speaking(MODELS, heard, 'secret'));
  await open(page, site, 'server/');
  await connectTo(page, origin);
  const trouble = page.getByRole('alert').filter({ hasText: 'wants a valid API key' });
  await expect(trouble).toContainText('Enter the key');
  await expect(trouble).toContainText('Incorrect API key');
  await key(page).fill('wrong');
  await expect(trouble).toHaveCount(0);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await expect(trouble).toContainText('refused the one that you entered');
  await key(page).fill(' secret ');
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await use(page).click();
  await expect(banner(page)).toBeVisible();
  expect(JSON.stringify(await keptBy(page))).not.toContain('secret');
  expect(page.url()).not.toContain('secret');
  expect(heard.at(-1)?.headers.authorization).toBe('Bearer secret');

  await page.reload(); // the address is remembered, the key is not
  await expect(address(page)).toHaveValue(`${origin}/v1`);
  await expect(key(page)).toHaveValue('');
  await key(page).fill('secret');
  await page.getByLabel('Remember the key until this tab is closed').check();
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await use(page).click();
  await expect(banner(page)).toBeVisible();
  const { local, session } = await keptBy(page);
  expect(local).not.toContain('secret');
  expect(session).toContain('secret');
  await page.reload();
  await expect(key(page)).toHaveValue('secret');
  leaveOut(/401/, log.problems);
});

test('servers that were used are offered again until they are forgotten', async ({ fakePage: page, site }) => {
  await page.evaluate(() =>
    localStorage.setItem('minke.servers', '["https://one.example/v1","http://two.example/v1"]'),
  );
  await open(page, site, 'server/');
  await expect(address(page)).toHaveValue('');
  await page.getByRole('button', { name: 'Fill in http://two.example/v1' }).click();
  await expect(address(page)).toHaveValue('http://two.example/v1');
  await expect(page.getByText('http is not encrypted')).toBeVisible();
  await page.getByRole('button', { name: 'Forget http://two.example/v1' }).click();
  await expect(page.getByText('http://two.example/v1', { exact: true })).toHaveCount(0);
  expect((await keptBy(page)).local).not.toContain('two.example');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('http://two.example/v1', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Fill in https://one.example/v1' }).click();
  await expect(page.getByText('http is not encrypted')).toHaveCount(0);
});

/** The app from a web server that does not isolate pages from other origins: they can tell more of those. */
const passing =
  (site: string): RequestListener =>
  async ({ url = '/' }, response) => {
    const found = await fetch(new URL(url, site));
    response.writeHead(found.status, { 'content-type': found.headers.get('content-type') ?? '' });
    response.end(new Uint8Array(await found.arrayBuffer()));
  };

const webPage: RequestListener = (_, response) => {
  allow(response);
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Hello</title>');
};
const TROUBLES: [name: string, RequestListener, says: RegExp, helps: RegExp][] = [
  ['does not allow the page', (_, response) => response.end('{}'), /does not let this page read/, /allowed-origins/],
  ['is a web page', webPage, /not as OpenAI's API does/, /localhost:\d+\/v1/],
  ['has nothing there', (_, response) => (allow(response), response.writeHead(404).end()), /not as OpenAI's/, /\/v1/],
  ['sends other JSON', (_, response) => (allow(response), response.end('{"hello":1}')), /not as OpenAI's/, /\/v1/],
  ['has no models', speaking([]), /has no models/, /Load a model/],
  [
    'fails',
    (_, response) => (allow(response), response.writeHead(503).end('{"message":"still loading"}')),
    /answered with an error/,
    /still loading/,
  ],
];

for (const [name, listener, says, helps] of TROUBLES)
  test(`a server that ${name} is told in words`, async ({ fakePage: page, site, listen, log }) => {
    const { origin } = await listen(listener);
    const plain = await listen(passing(site));
    await open(page, `${plain.origin}/`, 'server/');
    await connectTo(page, origin);
    const trouble = page.getByRole('alert').filter({ hasText: says });
    await expect(trouble).toContainText(helps);
    await expect(banner(page)).toHaveCount(0);
    await expect(address(page)).toHaveValue(`${origin}/v1`);
    expect((await keptBy(page)).local).not.toContain('localhost');
    leaveOut(/CORS policy|net::ERR_FAILED|status of (404|503)/, log.problems);
  });

test('a server that is not there is told in words; waiting for one can be ended', async ({
  fakePage: page,
  site,
  listen,
  log,
}) => {
  const gone = await listen(() => {});
  gone.close();
  const silent = await listen(() => {});
  await open(page, site, 'server/');
  await connectTo(page, gone.origin);
  await expect(page.getByRole('alert').filter({ hasText: 'No answer from' })).toContainText('Is the server running');

  const closed = await listen((_, response) => response.end('{}')); // this page is isolated: it cannot tell whether it is there
  await connectTo(page, closed.origin);
  const both = page.getByRole('alert').filter({ hasText: 'may also refuse pages like this one' });
  await expect(both).toContainText(`NIM_CORS_ALLOW_ORIGINS=${new URL(site).origin}`);

  await connectTo(page, silent.origin);
  await expect(page.getByRole('progressbar', { name: /Asking .* for its models/ })).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('button', { name: 'Connect', exact: true })).toBeVisible();
  await expect(page.getByRole('alert').filter({ hasText: 'No answer' })).toHaveCount(0);
  leaveOut(/ERR_CONNECTION_REFUSED|CORS policy|net::ERR_FAILED|NotSameOrigin/, log.problems);
});

test('an address that makes no sense is refused in words, and nothing is left', async ({ fakePage: page, site }) => {
  await open(page, site, 'server/');
  const words = {
    '': 'Enter the address',
    'ftp://a.example': 'must begin with',
    'https://': 'not the address of a server',
  };
  for (const [typed, said] of Object.entries(words)) {
    await connectTo(page, typed);
    await expect(page.getByRole('alert').filter({ hasText: said })).toBeVisible();
    await expect(address(page)).toBeFocused();
    await expect(address(page)).toHaveAttribute('aria-invalid', 'true');
  }
  await expect(page).toHaveURL(`${site}server/`);
});

test('addresses are read as people type them', () => {
  const read = (typed: string) => {
    const result = readAddress(typed);
    return 'address' in result ? result.address.href : result.wrong.replace('server.address.', '');
  };
  const examples: Record<string, string> = {
    'localhost:8000': 'http://localhost:8000/v1',
    '192.168.1.7:8000/v1/': 'http://192.168.1.7:8000/v1',
    'gpu.local': 'http://gpu.local/v1',
    'api.example.org': 'https://api.example.org/v1',
    ' https://example.org/some/v2 ': 'https://example.org/some/v2',
    'http://localhost:8080/v1/chat/completions': 'http://localhost:8080/v1',
    'http://[::1]:8080/v1': 'brackets',
    'https://example.org/v1/models?x=1#y': 'https://example.org/v1',
    'https://me:word@example.org': 'password',
    'javascript:alert(1)': 'wrong',
    'file:///etc': 'scheme',
    'two words': 'wrong',
    '   ': 'missing',
  };
  expect(Object.fromEntries(Object.keys(examples).map((typed) => [typed, read(typed)]))).toEqual(examples);
});

/** Leaves out what the browser itself notes down of failed requests, which is no fault of the page; the fixture checks the rest. */
function leaveOut(expected: RegExp, problems: string[]): void {
  problems.splice(0, problems.length, ...problems.filter((problem) => !expected.test(problem)));
}
