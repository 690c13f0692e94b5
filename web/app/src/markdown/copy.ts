// What is copied of a text has its formulas as their sources, not the letters of their typesetting.

/** Takes over the copying of a selection with formulas in it. */
export function copyWithSources(event: ClipboardEvent): void {
  const selection = getSelection();
  if (!selection || selection.rangeCount === 0 || !event.clipboardData) return;
  const range = wholeFormulas(selection.getRangeAt(0));
  const copied = range.cloneContents();
  const formulas = copied.querySelectorAll<HTMLElement>('.formula');
  if (formulas.length === 0) return;
  for (const formula of formulas) formula.replaceWith(formula.dataset['source'] ?? '');
  const { commonAncestorContainer: around } = range;
  const between = around instanceof Element && around.matches('.markdown') ? '\n\n' : '';
  event.clipboardData.setData('text/plain', [...copied.childNodes].map((node) => node.textContent).join(between));
  event.preventDefault();
}

/** The range, grown around the formulas that it begins or ends in. */
function wholeFormulas(range: Range): Range {
  const whole = range.cloneRange();
  const formula = (node: Node) => (node instanceof Element ? node : node.parentElement)?.closest('.formula');
  const first = formula(range.startContainer);
  const last = formula(range.endContainer);
  if (first) whole.setStartBefore(first);
  if (last) whole.setEndAfter(last);
  return whole;
}
