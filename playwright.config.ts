import { defineConfig } from '@playwright/test';
import { chromium, chromiumArgs } from './scripts/setup.mjs';

// SwiftShader is a slow software GPU: long time-outs, and one test at a time.
export default defineConfig({
  testDir: 'tests/browser',
  workers: 1,
  timeout: 900_000,
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
