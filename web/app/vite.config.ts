import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { policy, type Scope } from './src/privacy/policy';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** The documents: what each may reach is in privacy/policy.ts. */
const DOCUMENTS: Record<Scope, string> = {
  chat: path('index.html'),
  models: path('models/index.html'),
  server: path('server/index.html'),
};

/** Until the service worker sends headers, as on the first visit, a document's own <meta> has its policy. */
const metaPolicy: Plugin = {
  name: 'meta-policy',
  transformIndexHtml(_, { filename }) {
    const [scope] = Object.entries(DOCUMENTS).find(([, file]) => file === filename) ?? [];
    const attrs = { 'http-equiv': 'Content-Security-Policy', content: policy(scope as Scope) };
    return [{ tag: 'meta', attrs, injectTo: 'head-prepend' }];
  },
};

/** Of KaTeX's fonts only those that every browser with WebGPU reads. */
export const woff2Only: Plugin = {
  name: 'woff2-only',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('katex.min.css') ? code.replace(/,url\([^)]*\) format\("(?:woff|truetype)"\)/g, '') : undefined,
};

// The app uses the package as any other app would.
export default defineConfig({
  root: path('.'),
  base: './',
  resolve: { alias: { minke: path('../../dist/index.js') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  plugins: [metaPolicy, woff2Only],
  build: {
    target: 'es2022',
    outDir: path('../../site'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600, // kB; pdf.js has so many, and is loaded when there is a PDF
    rolldownOptions: { input: DOCUMENTS },
  },
});
