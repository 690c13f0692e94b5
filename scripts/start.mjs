// `npm start`: builds what is not built yet, then serves the page until it is ended.

import { join } from 'node:path';
import { build } from './build.mjs';
import { serve } from './serve.mjs';
import { Stop, command, modelsFolder, root, smallModel } from './setup.mjs';

await command(async () => {
  const port = Number(process.env.PORT ?? 4173);
  build();
  smallModel();
  const mounts = [
    ['/models/', modelsFolder],
    ['/', join(root, 'site')],
  ];
  const server = await serve(mounts, port).catch((error) => {
    throw new Stop(`port ${port} cannot be used (${error.code}): set PORT to another one`);
  });
  console.log(`http://localhost:${server.address().port}/`);
});
