// `npm start`: builds what is not built yet, then serves the page until it is ended.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { serve } from './serve.mjs';
import { Stop, command, modelsFolder, root, smallModel } from './setup.mjs';

/**
 * What is served: the app with the small model beside it. A <meta> tells it so; elsewhere it would have to ask.
 *
 * @returns {[string, string][]} mounts for `serve`
 */
export function mounts() {
  const site = join(root, 'site');
  const folder = join(root, '.cache/start');
  const meta = `<meta name="small-model" content="/models/${basename(smallModel())}" />`;
  for (const name of ['index.html', 'models/index.html', 'server/index.html']) {
    const page = readFileSync(join(site, name), 'utf8').replace('</head>', `${meta}</head>`);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), page);
  }
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
