// Tokens of marked as elements. No HTML is ever parsed: what a text has of it is shown as it was written.

import type { MarkedToken, Token, Tokens } from 'marked';
import { type ComponentChild, type ComponentChildren, h } from 'preact';
import { t } from '../text/text';
import { Code } from './code';
import { decoded } from './entities';
import { Formula } from './formula';
import type { Formula as FormulaToken } from './formulas';
import { addressOf, Link } from './link';

/** Where a token is. */
interface Place {
  /** More of it may come. */
  open: boolean;
  inLink: boolean;
  depth: number;
}

/** Deeper nesting is shown as it was written: it has no meaning, and the stack an end. */
const DEEPEST = 24;
/** The page and the message have the headings above. */
const FIRST_HEADING = 3;

const Raw = ({ text }: { text: string }) => (
  <p class="raw" dir="auto">
    {text}
  </p>
);

const Scrolled = ({ children }: { children: ComponentChildren }) => (
  <div class="table" role="group" tabIndex={0} aria-label={t('markdown.table')}>
    {children}
  </div>
);

const Checkbox = ({ checked }: { checked: boolean }) => (
  <input type="checkbox" disabled checked={checked} aria-label={t(checked ? 'markdown.done' : 'markdown.open')} />
);

const UnnamedImage = () => <>{t('markdown.image')}</>;

/** A block of the text itself; `level` is a heading's. */
export function topNode(token: Token, level: number, open: boolean): ComponentChild {
  const place = { open, inLink: false, depth: 0 };
  if (token.type !== 'heading') return blockNode(token, place);
  return h(`h${Math.min(6, FIRST_HEADING - 1 + level)}`, { dir: 'auto' }, inlines(token.tokens, place));
}

const inlines = (tokens: Token[] | undefined, place: Place): ComponentChildren =>
  tokens?.map((token, index) => inlineNode(token, place, index));

function blockNode(token: Token, place: Place): ComponentChild {
  if (token.type === 'formula') return <Formula {...(token as FormulaToken)} />;
  if (place.depth > DEEPEST) return <Raw text={token.raw} />;
  const known = token as MarkedToken;
  switch (known.type) {
    case 'space':
    case 'def':
      return null;
    case 'paragraph':
      return <p dir="auto">{inlines(known.tokens, place)}</p>;
    case 'heading': // within a list or a quote it is no part of the outline
      return (
        <p dir="auto">
          <strong>{inlines(known.tokens, place)}</strong>
        </p>
      );
    case 'text':
      return <>{known.tokens ? inlines(known.tokens, place) : decoded(known.text)}</>;
    case 'checkbox':
      return inlineNode(known, place);
    case 'code':
      return codeNode(known, place);
    case 'blockquote':
      return <blockquote dir="auto">{blocks(known.tokens, place)}</blockquote>;
    case 'list':
      return listNode(known, place);
    case 'table':
      return tableNode(known, place);
    case 'hr':
      return <hr />;
    default:
      return <Raw text={token.raw.trimEnd()} />;
  }
}

function blocks(tokens: Token[], place: Place): ComponentChildren {
  return tokens.map((token) => blockNode(token, { ...place, depth: place.depth + 1 }));
}

function codeNode({ raw, lang = '', text }: Tokens.Code, { open }: Place) {
  const [, fence = ''] = /^ *(`{3,}|~{3,})/.exec(raw) ?? [];
  const lines = raw.trimEnd().split('\n');
  const closed = fence === '' || (lines.length > 1 && lines.at(-1)?.trim().startsWith(fence));
  const [language = ''] = lang.split(/[\s{,]/);
  return <Code text={text} language={language} open={open && !closed} />;
}

function listNode({ ordered, start, items }: Tokens.List, place: Place) {
  const children = items.map(({ tokens, task }) => <li class={task ? 'task' : undefined}>{blocks(tokens, place)}</li>);
  const first = ordered && start !== 1 && start !== '' ? start : undefined;
  return ordered ? (
    <ol dir="auto" start={first}>
      {children}
    </ol>
  ) : (
    <ul dir="auto">{children}</ul>
  );
}

const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** As `dir="auto"` has it, which does not see what is in elements with a direction of their own, as a table's cells are. */
const directionOf = (text: string) => (RIGHT_TO_LEFT.test(/\p{L}/u.exec(text)?.[0] ?? '') ? 'rtl' : 'ltr');

function tableNode({ header, rows, raw }: Tokens.Table, place: Place) {
  const cell = ({ tokens, header, align }: Tokens.TableCell) =>
    h(header ? 'th' : 'td', { dir: 'auto', class: align ?? undefined }, inlines(tokens, place));
  return (
    <Scrolled>
      <table dir={directionOf(raw)}>
        <thead>
          <tr>{header.map(cell)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>{row.map(cell)}</tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

function inlineNode(token: Token, outer: Place, index = 0): ComponentChild {
  if (token.type === 'formula') return <Formula key={`${index} ${token.raw}`} {...(token as FormulaToken)} />;
  if (outer.depth > DEEPEST) return token.raw;
  const place = { ...outer, depth: outer.depth + 1 };
  const known = token as MarkedToken;
  switch (known.type) {
    case 'text':
      return known.tokens ? inlines(known.tokens, place) : decoded(known.text);
    case 'escape':
      return known.text;
    case 'strong':
      return <strong>{inlines(known.tokens, place)}</strong>;
    case 'em':
      return <em>{inlines(known.tokens, place)}</em>;
    case 'del':
      return <del>{inlines(known.tokens, place)}</del>;
    case 'codespan':
      return <code dir="ltr">{known.text}</code>;
    case 'br':
      return <br />;
    case 'checkbox':
      return <Checkbox checked={known.checked} />;
    case 'link':
      return linkNode(known, place, known.autolink ? known.href : decoded(known.href), inlines(known.tokens, place));
    case 'image':
      return linkNode(known, place, decoded(known.href), known.text || <UnnamedImage />);
    default: // the one tag that texts have no other way to write, in tables
      return /^<br *\/?>$/i.test(token.raw) ? <br /> : token.raw;
  }
}

function linkNode(token: Tokens.Link | Tokens.Image, place: Place, href: string, children: ComponentChildren) {
  const address = place.inLink ? undefined : addressOf(href);
  if (!address) return <>{children}</>;
  const shown = token.type === 'link' ? inlines(token.tokens, { ...place, inLink: true }) : children;
  return (
    <Link address={address} text={decoded(token.text)} image={token.type === 'image'}>
      {shown}
    </Link>
  );
}
