// Draws the app's icons that must be PNG from web/app/public/icon.svg: `node scripts/icons.mjs`, after a change of the drawing.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { chromium as executable, command, root } from './setup.mjs';

const folder = join(root, 'web/app/public');

/** Files, their sizes, and how much of each the drawing fills: what is cut to a system's shape needs a margin of the ground. */
const ICONS = [
  { name: 'icon-192.png', size: 192, part: 1 },
  { name: 'icon-512.png', size: 512, part: 1 },
  { name: 'icon-maskable-512.png', size: 512, part: 0.8 },
  { name: 'apple-touch-icon.png', size: 180, part: 0.9 },
];

async function draw() {
  const svg = readFileSync(join(folder, 'icon.svg'), 'utf8');
  const [, ground] = /<rect[^>]*fill="(#\w+)"/.exec(svg);
  const browser = await chromium.launch({ executablePath: executable(), args: ['--no-sandbox'] });
  const page = await browser.newPage();
  for (const { name, size, part } of ICONS) {
    await page.setViewportSize({ width: size, height: size });
    const style = `margin: 0; display: grid; place-items: center; height: 100vh; ${part < 1 ? `background: ${ground}` : ''}`;
    await page.setContent(
      `<body style="${style}"><div style="width: ${100 * part}%; line-height: 0">${svg}</div></body>`,
    );
    await page.screenshot({ path: join(folder, name), omitBackground: true });
  }
  await browser.close();
}

await command(draw);
