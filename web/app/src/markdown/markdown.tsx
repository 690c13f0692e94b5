// A text that people or models wrote in Markdown, as elements. While it streams only the last blocks are made anew.

import { Component } from 'preact';
import { useMemo } from 'preact/hooks';
import { type Block, Blocks } from './blocks';
import { copyWithSources } from './copy';
import './markdown.css';
import { topNode } from './nodes';

/** Made anew only with another block: not when the texts turn to another language, so what has words is a component of its own. */
class BlockNode extends Component<{ block: Block }> {
  override shouldComponentUpdate({ block }: { block: Block }) {
    return block !== this.props.block;
  }

  override render({ block: { token, level, open } }: { block: Block }) {
    return topNode(token, level, open);
  }
}

/** `streaming`: more of the text is coming. Set `text` at most once a frame. */
export function Markdown({ text, streaming = false }: { text: string; streaming?: boolean }) {
  const blocks = useMemo(() => new Blocks(), []);
  return (
    <div class="markdown" onCopy={copyWithSources}>
      {blocks.of(text, streaming).map((block, index) => (
        <BlockNode key={index} block={block} />
      ))}
    </div>
  );
}
