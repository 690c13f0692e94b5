// What each document of the app may reach: the one place that says so. The service worker (sw.ts) sends it as headers; the build
// puts the fallback of a first visit into the documents.

/** The documents: where one chats, where models are downloaded, and where a server answers. */
export type Scope = 'chat' | 'models' | 'server';

/** Their folders, below the app's own. */
export const FOLDERS: Record<Scope, string> = { chat: '', models: 'models/', server: 'server/' };

/** Where models come from. */
const HUB = ['https://huggingface.co', 'https://*.huggingface.co', 'https://*.hf.co'] as const;

/** Whether an address is the hub's. */
export const isHub = (address: string): boolean =>
  HUB.some((host) => {
    const { origin } = new URL(address);
    return host.includes('*')
      ? origin.startsWith('https://') && origin.endsWith(host.slice(host.indexOf('.')))
      : origin === host;
  });

/** Whom a document may ask beside its own site: hosts, or any. */
export type Reach = readonly string[] | 'any';

/**
 * The origin of an address that a policy may name, or undefined. Only letters, digits and what hosts are made of pass, so that no
 * address can add to a policy; an IPv6 literal cannot be named in one.
 */
export function originOf(address: string): string | undefined {
  const origin = URL.canParse(address) ? new URL(address).origin : '';
  return /^https?:\/\/[a-z0-9._-]+(:\d+)?$/.test(origin) ? origin : undefined;
}

/** Whom a document may ask, by what its address says after `?`. */
export function reachOf(scope: Scope, search = ''): Reach {
  const asked = new URLSearchParams(search);
  if (scope === 'chat') return [];
  if (scope === 'models') return asked.has('any') ? 'any' : HUB;
  const server = originOf(asked.get('at') ?? '');
  return server === undefined ? [] : [server];
}

/** The Content Security Policy of a document that may ask them. */
export function contentPolicy(reach: Reach): string {
  const others = reach === 'any' ? ['https:', 'http:'] : reach;
  return [
    `default-src 'none'`,
    `script-src 'self' 'wasm-unsafe-eval'`,
    `worker-src 'self'`,
    ['connect-src', `'self'`, ...others].join(' '),
    `img-src 'self' data: blob:`,
    `style-src 'self'`,
    `font-src 'self'`,
    `manifest-src 'self'`,
    `frame-src 'self'`, // of which the service worker lets in the self-test's only
    `base-uri 'none'`,
    `form-action 'none'`,
    `require-trusted-types-for 'script'`,
    `trusted-types minke app`, // the package's, and trusted.ts
  ].join('; ');
}

/** The hosts of a Connection-Allowlist beside the document's own site. */
export const listed = (reach: Reach): readonly string[] => (reach === 'any' ? ['https://*:*', 'http://*:*'] : reach);

/**
 * The Connection-Allowlist of a document: the whole of what it may connect to, WebRTC and leaving for another page included. The
 * hub redirects to its storage; CSP holds for where that leads. Reports go to no endpoint: there is none of this name, but Chromium
 * tells the page what was stopped only where one is named.
 */
export function allowlist(reach: Reach): string {
  const list = ['response-origin', ...listed(reach).map((host) => `"${host}"`)].join(' ');
  return `(${list});report-to=page${reach === 'any' || reach === HUB ? ';redirects=allow' : ''}`;
}

/** What every document, and every worker, is sent with. */
const ALWAYS = {
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
};

/**
 * The headers of a document, and of the workers that it starts. Documents that may reach others are not to be opened as a window
 * in the hand of the chat, nor as a frame, or it could reach through them what it may not itself.
 */
export function headersOf(scope: Scope, search: string): Record<string, string> {
  const reach = reachOf(scope, search);
  return {
    ...ALWAYS,
    'Content-Security-Policy': `${contentPolicy(reach)}; frame-ancestors 'none'`,
    'Connection-Allowlist': allowlist(reach),
    'Cross-Origin-Opener-Policy': scope === 'chat' ? 'same-origin' : 'noopener-allow-popups',
  };
}

/** The empty document in which the self-test follows a link, and what it asks for to get a list without even its own site. */
export const PROBE = 'probe.html';
export const NOWHERE = '?nowhere';

export function probeHeaders(search: string): Record<string, string> {
  return {
    ...ALWAYS,
    'Content-Security-Policy': `default-src 'none'; frame-ancestors 'self'`,
    'Connection-Allowlist': search === NOWHERE ? '()' : allowlist([]),
  };
}
