// `npm start`: builds what is not built yet, then serves the page until it is ended.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { serve } from './serve.mjs';
import { Stop, command, modelsFolder, root, smallModel } from './setup.mjs';

const integrity = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

/**
 * What is served: the app with the small model beside it. A <meta> tells it so; elsewhere it would have to ask. The service worker
 * takes only files whose hash it has, so it gets those of the changed ones.
 *
 * @returns {[string, string][]} mounts for `serve`
 */
export function mounts() {
  const site = join(root, 'site');
  const folder = join(root, '.cache/start');
  const meta = `<meta name="small-model" content="/models/${basename(smallModel())}" />`;
  let worker = readFileSync(join(site, 'sw.js'), 'utf8');
  for (const name of ['index.html', 'models/index.html', 'server/index.html']) {
    const built = readFileSync(join(site, name), 'utf8');
    const page = built.replace('</head>', `${meta}</head>`);
    worker = worker.replace(integrity(built), integrity(page));
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), page);
  }
  writeFileSync(join(folder, 'sw.js'), worker);
  return [
    ['/models/', modelsFolder],
    ['/', folder],
    ['/', site],
  ];
}

async function start() {
  const port = Number(process.env.PORT ?? 4173);
  await build();
  const server = await serve(mounts(), port).catch((error) => {
    throw new Stop(`port ${port} cannot be used (${error.code}): set PORT to another one`);
  });
  console.log(`http://localhost:${server.address().port}/`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await command(start);
