// The app's component for Markdown in a page of its own, for tests that give it texts.

import { signal } from '@preact/signals';
import { render } from 'preact';
import { Markdown } from '../../../../web/app/src/markdown/markdown';
import '../../../../web/app/src/style/index.css';
import { loadTexts } from '../../../../web/app/src/text/text';

const texts = signal<readonly string[]>([]);
const streaming = signal(false);

/** What tests call. */
const page = {
  /** Shows texts, one below the other, as messages are; `more` is said of the last. */
  show(all: readonly string[], more = false) {
    texts.value = all;
    streaming.value = more;
  },
};

declare global {
  var markdown: typeof page;
}

const Texts = () =>
  texts.value.map((text, index) => (
    <article key={index}>
      <Markdown text={text} streaming={streaming.value && index === texts.value.length - 1} />
    </article>
  ));

await loadTexts();
const root = document.getElementById('texts');
if (root) render(<Texts />, root);
globalThis.markdown = page;
