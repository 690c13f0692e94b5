import { useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../text/text';
import type { Formula as Token } from './formulas';
import { later } from './queue';
import { focusableWhileScrollable } from './scrollable';

/** A formula; its source until it is complete and typeset, or where it cannot be. */
export function Formula({ raw, source, display, open }: Token) {
  const place = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const looks = display ? 'display' : '';
    element.textContent = raw;
    element.className = `formula-source ${looks}`;
    if (open) return undefined;
    const stop = display ? focusableWhileScrollable(element) : undefined;
    const drop = later(import('./typeset'), ({ typeset }) => {
      if (typeset(element, source, display)) element.className = `formula ${looks}`;
    });
    return () => {
      stop?.();
      drop();
    };
  }, [raw, display, open]);
  // What is in it is KaTeX's, of which Preact knows nothing
  const attributes = display ? { role: 'group' as const, 'aria-label': t('markdown.formula') } : {};
  return <span ref={place} dir="ltr" data-source={raw} {...attributes} />;
}
