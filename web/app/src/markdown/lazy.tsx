import { lazy } from '../parts/lazy';

/** The same as `Markdown` in markdown.tsx, which is fetched when there is something to show; until then the text is as it is. */
export const Markdown = lazy(
  async () => (await import('./markdown')).Markdown,
  [],
  ({ text }) => <div class="unread">{text}</div>,
);
