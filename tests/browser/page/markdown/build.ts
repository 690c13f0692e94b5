// The page of the Markdown tests, bundled as the app is and under the policy of its chat.

import { join } from 'node:path';
import { build } from 'vite';
import { root } from '../../../../scripts/setup.mjs';
import config, { woff2Only } from '../../../../web/app/vite.config';

/** The folder to serve. */
export async function builtMarkdown(): Promise<string> {
  const outDir = join(root, '.cache/markdown');
  await build({
    ...config,
    configFile: false,
    logLevel: 'error',
    root: import.meta.dirname,
    plugins: [woff2Only],
    build: { target: 'es2022', assetsInlineLimit: 0, outDir, emptyOutDir: true },
  });
  return outDir;
}
