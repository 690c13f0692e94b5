// The service worker: serves the app from this browser, with the headers that lock it, on whatever host the app lies. Whatever is
// not a file of the app goes to the network as if there were no service worker. It is the one part of the app that no policy
// holds, so it is kept small: it asks for the app's own files only, each by its hash.

import { FOLDERS, headersOf, PROBE, probeHeaders, type Scope } from './policy';

/** What TypeScript's library has only for programs that are service workers as a whole. */
interface Worker {
  readonly __WB_MANIFEST: readonly { url: string; integrity?: string }[];
  readonly clients: {
    get(id: string): Promise<{ url: string; type: string } | undefined>;
    matchAll(options: { includeUncontrolled: boolean; type: 'window' }): Promise<readonly unknown[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void;
}
interface Waiting extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface Events {
  install: Waiting;
  activate: Waiting;
  message: Waiting & MessageEvent<unknown>;
  fetch: Event & { request: Request; clientId: string; respondWith(response: Promise<Response> | Response): void };
}
declare const self: Worker;

const home = new URL('./', location.href).href;

/** The app's files by path, each with its hash: the build writes them here. */
const files = new Map(self.__WB_MANIFEST.map(({ url, integrity }) => [url, integrity ?? '']));

/** Where a file is kept: under its hash, so that no version of the app ever gets a file of another. */
const keyOf = (path: string) => `${home}${path}?${encodeURIComponent(files.get(path) ?? '')}`;
const CACHE = 'minke-app';

/** Fetches a file, which must be the one that was built, and keeps it. */
async function keep(path: string): Promise<Response> {
  const response = await fetch(home + path, { integrity: files.get(path) ?? '', cache: 'no-cache' });
  if (!response.ok) throw new TypeError(`${path}: ${response.status}`);
  await (await caches.open(CACHE)).put(keyOf(path), response.clone());
  return response;
}

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  const kept = new Set((await cache.keys()).map(({ url }) => url));
  await Promise.all([...files.keys()].filter((path) => !kept.has(keyOf(path))).map(keep));
}

/** No page of the last version is open any more: its files go. */
async function cleanUp(): Promise<void> {
  const cache = await caches.open(CACHE);
  const own = new Set([...files.keys()].map(keyOf));
  const stale = (await cache.keys()).filter(({ url }) => !own.has(url));
  await Promise.all(stale.map((key) => cache.delete(key)));
}

/** The file of the app that an address means. */
function fileAt(url: string): string | undefined {
  const { origin, pathname } = new URL(url);
  if (!(origin + pathname).startsWith(home)) return undefined;
  const path = decodeURI(origin + pathname).slice(home.length);
  return [path, `${path}index.html`].find((path) => files.has(path));
}

/** Which document an address is of. */
const scopeAt = (url: string): Scope | undefined =>
  (Object.keys(FOLDERS) as Scope[]).find((scope) => fileAt(url) === `${FOLDERS[scope]}index.html`);

/** The headers for what is at `url`, asked for by the document or worker at `from`. */
function headersFor(url: string, from: string | undefined): Record<string, string> {
  if (fileAt(url) === PROBE) return probeHeaders(new URL(url).search);
  const document = scopeAt(url) ? url : from;
  const scope = document === undefined ? undefined : scopeAt(document);
  // what a worker starts, or nobody that is known, may reach least
  return scope && document ? headersOf(scope, new URL(document).search) : headersOf('chat', '');
}

async function serve(path: string, { request, clientId }: Events['fetch']): Promise<Response> {
  // a worker has the policy of its own response: that of the document which starts it
  const client = request.destination === 'worker' ? await self.clients.get(clientId) : undefined;
  const { body, headers } = (await caches.match(keyOf(path))) ?? (await keep(path));
  const type = headers.get('Content-Type') ?? 'application/octet-stream';
  return new Response(body, { headers: { 'Content-Type': type, ...headersFor(request.url, client?.url) } });
}

/** What would be a scope of its own on this origin, without the app's policy. */
const REALMS = new Set(['iframe', 'frame', 'object', 'embed', 'worker', 'sharedworker']);

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(cleanUp()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !request.url.startsWith(home)) return;
  const path = fileAt(request.url);
  if (path !== undefined) event.respondWith(serve(path, event));
  else if (REALMS.has(request.destination)) event.respondWith(Response.error());
  else if (request.mode === 'navigate' && fileAt(`${request.url}/`) !== undefined)
    event.respondWith(Response.redirect(`${request.url}/`));
});

// A new version waits until the last page of the old one is closed, or its person calls for it and no other page is open.
self.addEventListener('message', (event) => {
  const takeOver = async () => {
    const pages = await self.clients.matchAll({ includeUncontrolled: true, type: 'window' });
    if (pages.length === 1) await self.skipWaiting();
    event.ports[0]?.postMessage(pages.length);
  };
  if (event.data === 'take-over') event.waitUntil(takeOver());
});
