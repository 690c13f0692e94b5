// Named character references, of which marked leaves decoding to the browser. Those that models write; the others stay as they are.

const NAMED: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  ensp: '\u2002',
  emsp: '\u2003',
  copy: '©',
  reg: '®',
  deg: '°',
  plusmn: '±',
  middot: '·',
  times: '×',
  divide: '÷',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  larr: '←',
  rarr: '→',
  le: '≤',
  ge: '≥',
  ne: '≠',
};

export const decoded = (text: string): string =>
  text.includes('&') ? text.replace(/&(\w+);/g, (raw, name: string) => NAMED[name] ?? raw) : text;
