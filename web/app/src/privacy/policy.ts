// What each document of the app may reach. The service worker sends it as headers, and the build puts it into the documents.

/** The documents: where one chats, where models are downloaded, and where a server answers. */
export type Scope = 'chat' | 'models' | 'server';

/** Whom a document may ask beside its own site: Content Security Policy's sources. */
const REACHES: Record<Scope, string> = {
  chat: '',
  models: ' https: http:',
  server: ' https: http:',
};

/** The Content Security Policy of a document. */
export function policy(scope: Scope): string {
  return [
    `default-src 'none'`,
    `script-src 'self' 'wasm-unsafe-eval'`,
    `worker-src 'self'`,
    `connect-src 'self'${REACHES[scope]}`,
    `img-src 'self' data: blob:`,
    `style-src 'self'`,
    `font-src 'self'`,
    `manifest-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `require-trusted-types-for 'script'`,
    `trusted-types minke app`, // the package's, and trusted.ts
  ].join('; ');
}
