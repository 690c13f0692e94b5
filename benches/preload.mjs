// `node --import` this before a peer's harness: it gives the harness's browser our arguments and, where
// MINKE_COUNTERS names the init script, prints the calls that it counted as a line of JSON.

import { createRequire } from 'node:module';

const { chromium } = createRequire(`${process.cwd()}/`)('playwright-core');
const { MINKE_BROWSER_ARGS, MINKE_COUNTERS } = process.env;

const launch = chromium.launch.bind(chromium);
chromium.launch = async (options) => {
  const browser = await launch({ ...options, args: JSON.parse(MINKE_BROWSER_ARGS) });
  if (!MINKE_COUNTERS) return browser;
  const newPage = browser.newPage.bind(browser);
  browser.newPage = async () => {
    const page = await newPage();
    await page.addInitScript({ path: MINKE_COUNTERS });
    const close = browser.close.bind(browser);
    browser.close = async () => {
      console.log(JSON.stringify({ calls: await page.evaluate(() => globalThis.webgpuCalls()) }));
      await close();
    };
    return page;
  };
  return browser;
};
