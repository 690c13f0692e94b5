import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

// The page uses the package as any other app would.
export default defineConfig({
  base: './',
  resolve: { alias: { minke: path('../../dist/index.js') } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: { target: 'es2022', outDir: path('../../site'), emptyOutDir: true, assetsInlineLimit: 0 },
});
