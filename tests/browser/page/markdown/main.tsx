// The app's component for Markdown in a page of its own, for tests that give it texts.

import { signal } from '@preact/signals';
import { render } from 'preact';
import { Markdown } from '../../../../web/app/src/markdown/markdown';
import '../../../../web/app/src/style/index.css';
import { loadTexts } from '../../../../web/app/src/text/text';
import { unexpected } from './allowed';

const texts = signal<readonly string[]>([]);
/** From which of them on more is coming. */
const streaming = signal(Infinity);

/** What tests call. */
const page = {
  /** Shows texts, one below the other, as messages are. */
  show(all: readonly string[], streamingFrom = Infinity) {
    texts.value = all;
    streaming.value = streamingFrom;
  },
  /** What is in the page that no text may bring into it. */
  unexpected: () => unexpected(document.body.querySelector('main') as Element),
};

declare global {
  var markdown: typeof page;
}

const Texts = () =>
  texts.value.map((text, index) => (
    <article key={index}>
      <Markdown text={text} streaming={index >= streaming.value} />
    </article>
  ));

await loadTexts();
const root = document.getElementById('texts');
if (root) render(<Texts />, root);
globalThis.markdown = page;
