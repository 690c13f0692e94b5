// Formulas as tokens of marked's lexer. They come before its own rules, which would take their backslashes as escapes.

import {
  Hooks,
  Lexer,
  type Token,
  type TokenizerExtensionFunction,
  type TokenizerStartFunction,
  type Tokens,
  Tokenizer,
} from 'marked';

export interface Formula extends Tokens.Generic {
  type: 'formula';
  /** LaTeX, without delimiters. */
  source: string;
  display: boolean;
  /** Its end has not come yet. */
  open: boolean;
}

/** Longer ones are shown as their source. */
const LONGEST = 10_000;

const DELIMITERS = [
  { start: '\\(', end: '\\)', display: false },
  { start: '\\[', end: '\\]', display: true },
  { start: '$$', end: '$$', display: true },
];
const BOXED = '\\boxed{';
const START = /\\[([]|\$|\\boxed\{/;
const START_OF_BLOCK = /\n {0,3}(?:\\\[|\$\$)/;
const BLANK_LINE = /\n[ \t]*\n/;

/** Where `end` is, but for those that a backslash escapes. */
function endOf(text: string, end: string, from: number): number {
  for (let at = from; at < text.length; at += text[at] === '\\' ? 2 : 1) {
    if (text.startsWith(end, at)) return at;
  }
  return -1;
}

/** Where the brace that was open at `from` is closed. */
function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at += text[at] === '\\' ? 2 : 1) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

function formula(raw: string, source: string, display: boolean, open = false): Formula | undefined {
  if (source.trim() === '' && !open) return undefined;
  return BLANK_LINE.test(raw) ? undefined : { type: 'formula', raw, source: source.trim(), display, open };
}

/** A formula between delimiters. `streaming`: one without an end may still get it. */
function delimited(src: string, streaming: boolean): Formula | undefined {
  const found = DELIMITERS.find(({ start }) => src.startsWith(start));
  if (!found) return undefined;
  const { start, end, display } = found;
  const text = src.slice(0, LONGEST + 4);
  const at = endOf(text, end, start.length);
  if (at >= 0) return formula(src.slice(0, at + end.length), src.slice(start.length, at), display);
  return streaming ? formula(src, src.slice(start.length), display, true) : undefined;
}

/** R1 writes its final answer so, often without delimiters around it. */
function boxed(src: string, streaming: boolean): Formula | undefined {
  if (!src.startsWith(BOXED)) return undefined;
  const at = closingBrace(src.slice(0, LONGEST), BOXED.length);
  if (at >= 0) return formula(src.slice(0, at + 1), src.slice(0, at + 1), false);
  return streaming ? formula(src, src, false, true) : undefined;
}

/** Between single dollars: not the prices of "$5 and $10", nor of "$5, or 4 pounds and 3$". */
function dollars(src: string, before: string): Formula | undefined {
  const [raw, source = ''] = /^\$(?![\s$])((?:\\[^\n]|[^\\$\n])+)\$(?![\d$])/.exec(src) ?? [];
  const isPrice = /^[\d.,]/.test(source) && /[a-z]{2}/i.test(source) && !source.includes('\\');
  if (!raw || raw.length > LONGEST || /\s$/.test(source) || isPrice || /[\w$\\]$/.test(before)) return undefined;
  return formula(raw, source, false);
}

const inline =
  (streaming: boolean): TokenizerExtensionFunction =>
  (src, tokens) =>
    START.test(src.slice(0, 7))
      ? (delimited(src, streaming) ?? boxed(src, streaming) ?? dollars(src, tokens.at(-1)?.raw ?? ''))
      : undefined;

/** A display formula with lines of its own, where `- b` is no list and `=` no heading. */
const block =
  (streaming: boolean): TokenizerExtensionFunction =>
  (src) => {
    const [indent] = /^ {0,3}/.exec(src) ?? [''];
    const found = /^(?:\\\[|\$\$)/.test(src.slice(indent.length, indent.length + 2));
    const token = found ? delimited(src.slice(indent.length), streaming) : undefined;
    if (!token) return undefined;
    const length = indent.length + token.raw.length;
    const [rest, mark = ''] = /^[ \t]*([.,;:]?)[ \t]*(?=\n|$)/.exec(src.slice(length)) ?? [];
    if (rest === undefined) return undefined;
    return { ...token, raw: src.slice(0, length + rest.length), source: token.source + mark };
  };

const startOf =
  (pattern: RegExp): TokenizerStartFunction =>
  (src) =>
    pattern.exec(src)?.index;

/** Roughly: they are not looked at closely here, and not far. */
const FORMULAS = /\\\([\s\S]{0,1000}?\\\)|\\\[[\s\S]{0,1000}?\\\]|\$\$[\s\S]{0,1000}?\$\$|\$[^\s$][^$\n]{0,1000}\$/g;

/** Stands for the bars of formulas in a table while its rows are split into cells. */
const BAR = '\uE000';

const hideBars = (rows: string): string => rows.replace(FORMULAS, (raw) => raw.replaceAll('|', BAR));

class FormulaTokenizer extends Tokenizer {
  override table(src: string): Tokens.Table | undefined {
    if (!/^[^\n]*\|[^\n]*\n/.test(src)) return undefined;
    const end = BLANK_LINE.exec(src)?.index ?? src.length;
    const token = super.table(hideBars(src.slice(0, end)) + src.slice(end));
    return token && { ...token, raw: src.slice(0, token.raw.length) };
  }
}

/** marked's lexer with formulas in it. `streaming`: the text ends where it has come to, not where it ends. */
export class FormulaLexer extends Lexer {
  /** What is being lexed inline. */
  private run = '';

  constructor(streaming: boolean) {
    const hooks = new Hooks();
    const extensions = {
      renderers: {},
      childTokens: {},
      block: [block(streaming)],
      startBlock: [startOf(START_OF_BLOCK)],
      inline: [inline(streaming)],
      startInline: [startOf(START)],
    };
    super({ gfm: true, hooks, extensions, tokenizer: new FormulaTokenizer() });
    hooks.emStrongMask = (masked) => this.mask(masked);
  }

  override inlineTokens(src: string, tokens?: Token[]): Token[] {
    this.run = src.replaceAll(BAR, '|');
    return super.inlineTokens(this.run, tokens);
  }

  /** What is in formulas begins and ends no emphasis. */
  private mask(masked: string): string {
    let result = masked;
    for (const { 0: raw, index } of this.run.matchAll(FORMULAS)) {
      result = result.slice(0, index) + 'a'.repeat(raw.length) + result.slice(index + raw.length);
    }
    return result;
  }
}
