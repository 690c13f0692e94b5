// The page of the Markdown tests, bundled as the app is and under the policy of its chat.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import config, { woff2Only } from '../../../../web/app/vite.config';

/** A new folder with it, to serve. */
export async function builtMarkdown(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'minke-markdown-'));
  await build({
    ...config,
    configFile: false,
    logLevel: 'error',
    root: import.meta.dirname,
    plugins: [woff2Only],
    build: { target: 'es2022', assetsInlineLimit: 0, outDir },
  });
  return outDir;
}
