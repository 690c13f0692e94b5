// A text that people or models wrote in Markdown, as elements. While it streams only the last blocks are made anew.

import type { ComponentChild } from 'preact';
import { useMemo } from 'preact/hooks';
import { type Block, Blocks } from './blocks';
import { copyWithSources } from './copy';
import './markdown.css';
import { topNode } from './nodes';

const BlockNode = ({ block: { token, level, open } }: { block: Block }) => <>{topNode(token, level, open)}</>;

/** Preact leaves alone what an unchanged node describes. */
const nodes = new WeakMap<Block, ComponentChild>();

function nodeOf(block: Block): ComponentChild {
  const node = nodes.get(block) ?? <BlockNode block={block} />;
  nodes.set(block, node);
  return node;
}

/** `streaming`: more of the text is coming. Set `text` at most once a frame. */
export function Markdown({ text, streaming = false }: { text: string; streaming?: boolean }) {
  const blocks = useMemo(() => new Blocks(), []);
  return (
    <div class="markdown" onCopy={copyWithSources}>
      {blocks.of(text, streaming).map(nodeOf)}
    </div>
  );
}
