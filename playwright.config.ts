import { defineConfig } from '@playwright/test';
import { chromium, chromiumArgs } from './scripts/setup.mjs';

// SwiftShader is a slow software GPU: long time-outs. It compiles on one core, so the tiers, which are mostly compiled,
// run two at a time; what is measured runs alone. `npm test` runs one project after the other.
export default defineConfig({
  testDir: 'tests/browser',
  workers: 2,
  projects: [
    { name: 'tiers', testMatch: 'tiers.spec.ts', fullyParallel: true, timeout: 1_800_000 },
    { name: 'rest', testIgnore: 'tiers.spec.ts', workers: 1 },
  ],
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
