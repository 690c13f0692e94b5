// While a text streams its end is mended, so that half-typed marks show as what they will become and do not flicker.

/** A last line that may become a list item, a heading's underline, a fence or a table, or a mark that only begins. */
const UNDECIDED = /(?:^|\n)[ \t>]*(?:[-=+*#|]+|\d{1,9}[.)]?|`{1,2}|~{1,2})[ \t]*$|[\\$!]$|[*_~]+$/;
const HALF_LINK = /!?\[([^[\]\n]*)\]\([^()\s]*$/;
const ROW = /^ {0,3}\|.*$/;
const PARTIAL_DELIMITERS = /^ {0,3}\|?[\s|:-]*$/;
const FENCE = /^[ \t>]*(?:[-*+] |\d{1,9}[.)] )?[ \t]*(`{3,}|~{3,})/;

/** Longer paragraphs, and those with more marks open, are not what models write. */
const LONGEST_PARAGRAPH = 2000;
const MOST_OPEN = 4;

/** Whether the text ends in a fence that is open, whose code is left as it is. */
function inFence(lines: string[]): boolean {
  let fence = '';
  for (const line of lines) {
    const [, mark = ''] = FENCE.exec(line) ?? [];
    if (fence === '') fence = mark;
    else if (mark.startsWith(fence) && line.trim() === mark) fence = '';
  }
  return fence !== '';
}

/** A table from its first line on: the row of dashes that makes it one is put in. */
function mendTable(lines: string[]): string[] | undefined {
  const first = lines.length - 1 - [...lines].reverse().findIndex((line) => !ROW.test(line));
  const head = first >= lines.length ? 0 : first + 1;
  const rows = lines.slice(head);
  if (rows.length === 0 || rows.length > 2) return undefined;
  const [header = '', delimiters = ''] = rows;
  if (rows.length === 2 && !PARTIAL_DELIMITERS.test(delimiters)) return undefined;
  const cells = header
    .replace(/\\\|/g, '')
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|').length;
  return [...lines.slice(0, head), header, `|${'---|'.repeat(cells)}`];
}

/** What closes the emphasis and the code that the paragraph has open. */
function closers(paragraph: string): string {
  if (paragraph.length > LONGEST_PARAGRAPH) return '';
  const open: string[] = [];
  const marks = /\\\([\s\S]*?(?:\\\)|$)|\\\[[\s\S]*?(?:\\\]|$)|\\[\s\S]|\$\$?[^$]*\$\$?|(`+)|(\*\*|\*|~~)/g;
  for (let match = marks.exec(paragraph); match; match = marks.exec(paragraph)) {
    const [, ticks, mark = ''] = match;
    if (ticks) {
      const end = paragraph.indexOf(ticks, marks.lastIndex);
      if (end < 0) return ticks + open.reverse().join('');
      marks.lastIndex = end + ticks.length;
    } else if (mark !== '') {
      const before = paragraph[match.index - 1] ?? ' ';
      const after = paragraph[marks.lastIndex] ?? ' ';
      if (open.at(-1) === mark && /\S/.test(before)) open.pop();
      else if (/\S/.test(after) && !/\w/.test(before)) open.push(mark);
    }
  }
  return open.length > MOST_OPEN ? '' : open.reverse().join('');
}

/** The text with its last lines as they will be. */
export function mend(text: string): string {
  if (inFence(text.split('\n'))) return text.replace(/\n[ \t]*(?:`{1,2}|~{1,2})$/, '\n');
  const kept = text.replace(UNDECIDED, '').replace(HALF_LINK, '$1');
  const table = mendTable(kept.split('\n'));
  if (table) return table.join('\n');
  const start = Math.max(kept.lastIndexOf('\n\n') + 1, kept.lastIndexOf('\n|') + 1, 0);
  return kept.trimEnd() + closers(itemOf(kept.slice(start)));
}

/** From the last list item on, whose emphasis is its own. */
function itemOf(paragraph: string): string {
  const items = [...paragraph.matchAll(/(?:^|\n)[ \t]*(?:[-*+]|\d{1,9}[.)]) /g)];
  const last = items.at(-1);
  return last ? paragraph.slice(last.index + last[0].length) : paragraph;
}
