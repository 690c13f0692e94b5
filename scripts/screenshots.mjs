// `npm run screenshots`: the README's two pictures of the app, as it is built in site/.

import { command, tool } from './setup.mjs';

await command(() => {
  process.env.MINKE_SCREENSHOTS = '1';
  tool('playwright', ['test', '--project', 'together', '-g', 'the pictures of the README', 'page/screenshots.spec.ts']);
});
