import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { contentPolicy, type Reach, type Scope } from './src/privacy/policy';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const outDir = path('../../site');

/** The documents: what each may reach is in privacy/policy.ts. */
const DOCUMENTS: Record<Scope, string> = {
  chat: path('index.html'),
  models: path('models/index.html'),
  server: path('server/index.html'),
};

/**
 * What holds in a document even where no service worker sends headers, as on the first visit. It cannot know what is chosen later,
 * and headers can only narrow it: so all but the chat may reach any host until then.
 */
const FALLBACK: Record<Scope, Reach> = { chat: [], models: 'any', server: 'any' };

const metaPolicy: Plugin = {
  name: 'meta-policy',
  transformIndexHtml(_, { filename }) {
    const [scope] = Object.entries(DOCUMENTS).find(([, file]) => file === filename) ?? [];
    const attrs = { 'http-equiv': 'Content-Security-Policy', content: contentPolicy(FALLBACK[scope as Scope]) };
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

const integrityOf = (file: string) => `sha256-${createHash('sha256').update(readFileSync(file)).digest('base64')}`;

/** The service worker, with the name and hash of every file of the app in it. */
const serviceWorker = VitePWA({
  strategies: 'injectManifest',
  srcDir: 'src/privacy',
  filename: 'sw.ts',
  injectRegister: false, // registration.ts
  manifest: false, // public/manifest.webmanifest, whose relative addresses do for every sub-path
  injectManifest: {
    rollupFormat: 'iife',
    globPatterns: ['**/*'],
    globIgnores: ['docs/**', '**/*.gguf', 'sw.js'],
    maximumFileSizeToCacheInBytes: 64e6,
    manifestTransforms: [
      (entries) => ({
        manifest: entries.map(({ url, size }) => ({
          url,
          size,
          revision: null,
          integrity: integrityOf(`${outDir}/${url}`),
        })),
      }),
    ],
  },
});

// The app uses the package as any other app would.
export default defineConfig({
  root: path('.'),
  base: './',
  resolve: { alias: { minke: path('../../dist/index.js') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  plugins: [metaPolicy, woff2Only, serviceWorker],
  build: {
    target: 'es2022',
    outDir,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600, // kB; pdf.js has so many, and is loaded when there is a PDF
    rolldownOptions: {
      input: DOCUMENTS,
      // what little of the package is needed before the app is painted does not wait for the rest of it
      output: { codeSplitting: { groups: [{ name: 'names', test: /dist\/(errors|models|room)\.js$/ }] } },
    },
  },
});
