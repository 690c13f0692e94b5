// Formulas by KaTeX, fetched when there is the first of them.

import katex from 'katex';
import 'katex/dist/katex.min.css';

const OPTIONS = {
  trust: false, // no links, images or attributes
  strict: 'ignore',
  throwOnError: true,
  errorColor: 'var(--bad)', // of a command that is not trusted
  maxExpand: 500,
  maxSize: 20,
} as const;

/** Puts the formula in place of what the element has; false where it is none. */
export function typeset(element: HTMLElement, source: string, display: boolean): boolean {
  // made elsewhere, so that what is shown changes once, and not at all where the source is wrong
  const made = document.createElement('span');
  try {
    katex.render(source, made, { ...OPTIONS, displayMode: display });
  } catch {
    return false;
  }
  element.replaceChildren(...made.childNodes);
  return true;
}
