import { defineConfig } from '@playwright/test';
import { chromium, chromiumArgs } from './scripts/setup.mjs';

// SwiftShader compiles on one core, so tests run two at a time, but for those that measure time.
const ALONE = /(golden|search|first-paint|markdown-speed)\.spec/;

export default defineConfig({
  testDir: 'tests/browser',
  workers: 2,
  fullyParallel: true,
  projects: [
    { name: 'together', testIgnore: ALONE },
    { name: 'alone', testMatch: ALONE, workers: 1 },
  ],
  timeout: 300_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: [['list'], ['json', { outputFile: 'test-results/browser.json' }]],
  use: {
    launchOptions: {
      executablePath: chromium(),
      args: chromiumArgs('swiftshader'),
    },
  },
});
