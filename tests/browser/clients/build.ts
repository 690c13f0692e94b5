// The page of `clients.spec.ts`, as Vite bundles it.

import { join } from 'node:path';
import { build } from 'vite';
import { root } from '../../../scripts/setup.mjs';

/** The folder to serve. */
export async function builtClients(): Promise<string> {
  const outDir = join(root, '.cache/clients');
  await build({
    configFile: false,
    logLevel: 'error',
    root: import.meta.dirname,
    base: './',
    build: { outDir, emptyOutDir: true, minify: false },
    resolve: {
      alias: [
        { find: /^minke$/, replacement: join(root, 'dist/index.js') },
        { find: /^minke\/(.*)$/, replacement: join(root, 'dist/$1.js') },
      ],
    },
  });
  return outDir;
}
