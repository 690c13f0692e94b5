// Finding what a person types in what was written, whatever its case and accents: a regular expression is made of what they type,
// so that texts are searched as they are and matches are found at their true places.

/** Marks that one may leave out: accents, and the vowel signs of Hebrew and Arabic. Those of Indian scripts make other words. */
const MARK_RANGES = [
  [0x300, 0x36f],
  [0x591, 0x5c7],
  [0x640, 0x640],
  [0x64b, 0x65f],
  [0x670, 0x670],
] as const;
const MARKS = `[${MARK_RANGES.map((range) => String.fromCharCode(range[0], 0x2d, range[1])).join('')}]`;
const ONLY_MARK = new RegExp(`^${MARKS}$`);
const ACCENTED = new RegExp(`^(.)${MARKS}+$`, 'u');

/** Where characters lie that are a letter with marks: Latin, Greek, Cyrillic, Arabic. */
const RANGES = [
  [0xc0, 0x24f],
  [0x386, 0x3ce],
  [0x400, 0x4f9],
  [0x622, 0x6d3],
  [0x1e00, 0x1fff],
] as const;

/** Letters, and the single characters that are these with marks. */
let variants: Map<string, string> | undefined;

function variantsOf(letter: string): string {
  if (!variants) {
    variants = new Map();
    for (const [from, to] of RANGES) {
      for (let code = from; code <= to; code++) {
        const character = String.fromCharCode(code);
        const bare = ACCENTED.exec(character.normalize('NFD'))?.[1];
        if (bare) variants.set(bare, (variants.get(bare) ?? '') + character);
      }
    }
  }
  return (variants.get(letter) ?? '') + (variants.get(letter.toUpperCase()) ?? '');
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** What finds a query in texts; undefined if there is nothing to look for. */
export function matcher(query: string): RegExp | undefined {
  const characters = [...query.normalize('NFC').trim().replace(/\s+/g, ' ')];
  const parts = characters.map(part).filter(Boolean);
  return parts.length > 0 ? new RegExp(parts.join(''), 'iu') : undefined;
}

function part(character: string): string {
  if (character === ' ') return '\\s+';
  const decomposed = character.normalize('NFD');
  const letter = ACCENTED.exec(decomposed)?.[1] ?? character;
  if (ONLY_MARK.test(letter)) return '';
  if (!/^[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Arabic}\p{sc=Hebrew}]$/u.test(letter)) {
    // Such as Devanagari's letters with a nukta, which may be written as one character or two
    return decomposed === letter ? escaped(letter) : `(?:${letter}|${decomposed})`;
  }
  const others = variantsOf(letter);
  return (others ? `[${letter}${others}]` : letter) + `${MARKS}*`;
}

/** A piece of a text around a match, in three parts. */
export interface Passage {
  before: string;
  match: string;
  after: string;
}

const BEFORE = 40;
const AFTER = 160;

/** The first place where a text matches, and what is around it. */
export function passage(text: string, expression: RegExp): Passage | undefined {
  const found = expression.exec(text);
  if (!found) return undefined;
  const start = found.index;
  const end = start + found[0].length;
  const from = startOfWord(text, Math.max(0, start - BEFORE), start);
  const to = endOfWord(text, end, Math.min(text.length, end + AFTER));
  return {
    before: (from > 0 ? '…' : '') + flat(text.slice(from, start)),
    match: flat(found[0]),
    after: flat(text.slice(end, to)) + (to < text.length ? '…' : ''),
  };
}

/** The first start of a word from a place on, or else of a whole character. */
function startOfWord(text: string, from: number, before: number): number {
  if (from === 0) return 0;
  const space = text.slice(from, before).search(/\s/);
  if (space >= 0) return from + space + 1;
  return /[\udc00-\udfff]/.test(text[from] ?? '') ? from + 1 : from;
}

/** The same for the last end of a word before a place. */
function endOfWord(text: string, after: number, to: number): number {
  if (to === text.length) return to;
  const space = text.slice(after, to).search(/\s\S*$/);
  if (space >= 0) return after + space;
  return /[\ud800-\udbff]/.test(text[to - 1] ?? '') ? to - 1 : to;
}

const flat = (text: string) => text.replace(/\s+/g, ' ');
