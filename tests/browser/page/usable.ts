// What axe does not look at: the size of targets, what is wider than the page, and the way of the keyboard. All give what is
// wrong, in words.

import type { Page } from '@playwright/test';

/** What is run in the page before the rest, which uses it. */
const helpers = () => {
  const top = () => document.querySelector('dialog:modal') ?? document;
  const isShown = (element: Element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: false }) &&
    element.getClientRects().length > 0;
  const CONTROLS = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
  const controls = () =>
    [...top().querySelectorAll<HTMLElement>(CONTROLS)].filter(
      (element) => isShown(element) && !element.matches(':disabled') && element.closest('[inert]') === null,
    );
  const describe = (element: Element) => {
    const name = element.getAttribute('aria-label') ?? element.textContent ?? '';
    return `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${name.trim().slice(0, 40)}`;
  };
  const looks = (element: Element) =>
    [element, element.parentElement, element.parentElement?.parentElement]
      .flatMap((each) => {
        if (!each) return [];
        const { outline, boxShadow, borderColor, backgroundColor, insetBlockStart } = getComputedStyle(each);
        return [outline, boxShadow, borderColor, backgroundColor, insetBlockStart];
      })
      .join();
  return { controls, describe, looks };
};

interface Helpers extends ReturnType<typeof helpers> {
  /** Where Tab is to come to, and how that looks without the focus. */
  stops: { element: HTMLElement; calm: string }[];
}
declare global {
  // in pages that are checked
  var usable: Helpers;
}

const prepare = (page: Page) => page.evaluate(`globalThis.usable ??= (${String(helpers)})()`);

/** Controls below 24x24 px. Links within text are excepted; of a box with a label, the label counts too. */
export async function smallTargets(page: Page): Promise<string[]> {
  await prepare(page);
  return page.evaluate(() => {
    const isInText = (element: HTMLElement) =>
      element.matches('a') &&
      getComputedStyle(element).display === 'inline' &&
      element.closest('p, li, dd, td') !== null;
    const sizeOf = (element: HTMLElement) => {
      const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [];
      const boxes = [element, ...labels].map((each) => each.getBoundingClientRect());
      return [Math.max(...boxes.map(({ width }) => width)), Math.max(...boxes.map(({ height }) => height))] as const;
    };
    return usable
      .controls()
      .filter((element) => element.tabIndex >= 0 && !isInText(element))
      .flatMap((element) => {
        const [width, height] = sizeOf(element);
        // half a pixel is rounding
        return Math.min(width, height) > 23.5 ? [] : [`${usable.describe(element)}: ${width} x ${height}`];
      });
  });
}

/** What makes the page scroll sideways, and controls that lie outside of it. */
export async function tooWide(page: Page): Promise<string[]> {
  await prepare(page);
  return page.evaluate(() => {
    const frames = [document.documentElement, ...document.querySelectorAll('body, main, dialog:modal')];
    const wide = frames
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map((frame) => `${usable.describe(frame)}: ${frame.scrollWidth} in ${frame.clientWidth}`);
    const scrolls = (element: Element | null): boolean =>
      element !== null &&
      !frames.includes(element) &&
      (element.scrollWidth > element.clientWidth || scrolls(element.parentElement));
    const outside = usable
      .controls()
      .filter((element) => !scrolls(element.parentElement) && !element.matches('.skip'))
      .filter((element) => {
        const { left, right } = element.getBoundingClientRect();
        return left < -1 || right > innerWidth + 1;
      });
    return [...wide, ...outside.map((element) => `${usable.describe(element)} is outside`)];
  });
}

/** Goes through the page by Tab. Controls that it does not come to, focus that is not seen, and whether there is no way round. */
export async function walk(page: Page): Promise<string[]> {
  await prepare(page);
  const wanted = await page.evaluate(() => {
    (document.activeElement as HTMLElement).blur();
    getSelection()?.collapse(document.body, 0); // from the start
    // of a group of radio buttons, only the chosen one is a stop
    const stops = usable
      .controls()
      .filter((element) => element.tabIndex >= 0 && !element.matches('input[type=radio]:not(:checked)'));
    usable.stops = stops.map((element) => ({ element, calm: usable.looks(element) }));
    return stops.map(usable.describe);
  });
  const problems = new Set<string>();
  const seen = new Set<number>();
  let first: number | undefined;
  let isRound = false;
  for (let press = 0; press < 2 * wanted.length + 20 && !isRound; press++) {
    await page.keyboard.press('Tab');
    const { stop, unseen } = await page.evaluate(look);
    if (unseen !== undefined) problems.add(`the focus is not seen on ${unseen}`);
    if (stop === undefined) continue;
    isRound = stop === first && seen.size > 1;
    first ??= stop;
    seen.add(stop);
  }
  if (!isRound && wanted.length > 1) problems.add('Tab does not come round');
  wanted.forEach((described, at) => seen.has(at) || problems.add(`Tab does not come to ${described}`));
  return [...problems];
}

/** Where the focus is, and whether that element, or something around it, looks otherwise for it. */
function look(): { stop: number | undefined; unseen: string | undefined } {
  const element = document.activeElement;
  const stop = usable.stops.findIndex((each) => each.element === element);
  const unseen = usable.stops[stop]?.calm === usable.looks(element as Element);
  return { stop: stop < 0 ? undefined : stop, unseen: unseen ? usable.describe(element as Element) : undefined };
}
