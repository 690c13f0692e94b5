// What scrolls sideways can be focused, for the keys that scroll, but only while there is something to scroll: a formula that fits is
// no stop for the Tab key.

const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const element = target as HTMLElement;
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute('tabindex');
  }
});

/** Keeps it so; gives a way to stop. */
export function focusableWhileScrollable(element: HTMLElement): () => void {
  observer.observe(element);
  return () => observer.unobserve(element);
}
