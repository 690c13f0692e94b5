// A text as blocks, each an object that stays the same as long as it looks the same. As the text grows, only its end is lexed.

import type { Links, Token } from 'marked';
import { FormulaLexer } from './formulas';
import { mend } from './mend';

export interface Block {
  readonly source: string;
  readonly token: Token;
  /** Whether more of it may come. */
  readonly open: boolean;
  /** Of a heading: how deep it lies below the headings before it, from 1. */
  readonly level: number;
}

/**
 * So many blocks at the end are lexed again: with its next line a block may turn out to belong to the one before it, as the items of
 * a list do.
 */
const UNSETTLED = 2;

/** A longer end than this, such as a list of many pages, is lexed again only after some times as long as it took. */
const LONG = 4000;
const PAUSES = 8;

/** The links are those that were defined before. What marked cannot take, such as a thousand nested quotes, is one plain block. */
function lex(text: string, links: Links, streaming: boolean): { tokens: Token[]; links: Links } {
  const lexer = new FormulaLexer(streaming);
  Object.assign(lexer.tokens.links, links);
  try {
    const tokens = lexer.lex(streaming ? mend(text) : text);
    return { tokens, links: lexer.tokens.links };
  } catch {
    return { tokens: [{ type: 'html', raw: text, text }], links };
  }
}

/** A block's token now that nothing can be added to it: what would have ended its formulas will not come. */
function finished(token: Token, links: Links): Token {
  const [own, ...others] = lex(token.raw, links, false).tokens.filter(({ type }) => type !== 'space');
  return own && others.length === 0 ? { ...own, raw: token.raw } : token;
}

/** The levels of a text's headings: none is more than one below the heading before it, wherever the text begins. */
class Levels {
  private above: number[] = [];

  next(depth: number): number {
    this.above = [...this.above.filter((other) => other < depth), depth];
    return this.above.length;
  }

  copy(): Levels {
    const copy = new Levels();
    copy.above = this.above;
    return copy;
  }
}

export class Blocks {
  private settled: Block[] = [];
  private tail: Block[] = [];
  /** The text of the settled blocks. */
  private past = '';
  private links: Links = {};
  private levels = new Levels();
  private pausedUntil = 0;

  /** The blocks of a text, which may be a longer one than before. */
  of(source: string, streaming: boolean): Block[] {
    const text = source.replace(/\r\n?/g, '\n');
    if (this.past === '' || !text.startsWith(this.past)) this.forget();
    const end = text.slice(this.past.length);
    const start = performance.now();
    if (streaming && end.length > LONG && start < this.pausedUntil) return [...this.settled, ...this.tail];
    const { tokens, links } = lex(end, this.links, streaming);
    const now = performance.now();
    this.pausedUntil = now + PAUSES * (now - start);
    const count = streaming ? this.settle(tokens, text, links) : 0;
    if (!streaming) this.define(tokens, links);
    this.append(tokens.slice(count), streaming);
    return [...this.settled, ...this.tail];
  }

  private forget(): void {
    this.tail = [...this.settled, ...this.tail];
    this.settled = [];
    this.past = '';
    this.links = {};
    this.levels = new Levels();
  }

  /** Settles the tokens to which nothing can be added; how many they are. */
  private settle(tokens: Token[], text: string, links: Links): number {
    const starts = tokens.flatMap(({ type }, index) => (type === 'space' ? [] : [index]));
    const limit = starts.at(-UNSETTLED) ?? 0;
    const former = this.tail;
    let count = 0;
    let shown = 0;
    for (const token of tokens.slice(0, starts.length > UNSETTLED ? limit : 0)) {
      if (!text.startsWith(token.raw, this.past.length)) break;
      this.past += token.raw;
      count++;
      if (token.type === 'space') continue;
      this.settled.push(this.block(finished(token, links), false, this.levels, former[shown++]));
    }
    this.tail = former.slice(shown);
    this.define(tokens.slice(0, count), links);
    return count;
  }

  /** Lexes the settled blocks again whose links have just been defined. */
  private define(tokens: Token[], links: Links): void {
    const tags = tokens.flatMap((token) => (token.type === 'def' ? [token['tag'] as string] : []));
    const fresh = tags.filter((tag) => !(tag in this.links));
    if (fresh.length === 0) return;
    for (const tag of fresh) this.links = { ...this.links, [tag]: links[tag] as Links[string] };
    this.settled = this.settled.map((block) => {
      const source = block.source.toLowerCase().replace(/\s+/g, ' ');
      if (!fresh.some((tag) => source.includes(`[${tag}]`))) return block;
      return { ...block, token: finished(block.token, this.links) };
    });
  }

  private append(tokens: Token[], open: boolean): void {
    const former = this.tail;
    const levels = this.levels.copy();
    this.tail = tokens
      .filter(({ type }) => type !== 'space')
      .map((token, index) => this.block(token, open, levels, former[index]));
  }

  /** The former block where nothing has changed. */
  private block(token: Token, open: boolean, levels: Levels, former?: Block): Block {
    const level = token.type === 'heading' ? levels.next(token['depth'] as number) : 0;
    const same = former?.source === token.raw && former.token.type === token.type && former.level === level;
    return same && former.open === open ? former : { source: token.raw, token, open, level };
  }
}
