// Colours for code by lowlight, fetched when there is the first code.

import { common, createLowlight } from 'lowlight';

const lowlight = createLowlight(common);

type Root = ReturnType<typeof lowlight.highlight>;
type Child = Root['children'][number];

function node(child: Child): Node | string {
  if (child.type === 'text') return child.value;
  const element = document.createElement('span');
  if (child.type !== 'element') return element;
  element.className = [child.properties['className']].flat().join(' ');
  element.append(...child.children.map(node));
  return element;
}

/** Puts the colours into an element that has the code. */
export function highlight(element: HTMLElement, code: string, language: string): void {
  if (!lowlight.registered(language)) return;
  element.replaceChildren(...lowlight.highlight(language, code).children.map(node));
}
