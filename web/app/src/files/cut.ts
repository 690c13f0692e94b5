// Cutting files so that they fit, as the person consented to.

import type { AttachedFile } from '../history/types';

/** What stays: the beginning, or the beginning and the end. */
export type Keep = 'beginning' | 'both ends';

/**
 * The most tokens that each file may have so that all have at most `room` together: the large ones are cut to the same size,
 * the small ones stay whole.
 */
export function mostEach(sizes: readonly number[], room: number): number {
  let left = room;
  const sorted = [...sizes].sort((a, b) => a - b);
  for (const [at, size] of sorted.entries()) {
    const each = Math.floor(left / (sorted.length - at));
    if (size > each) return Math.max(0, each);
    left -= size;
  }
  return Infinity;
}

/** A file with a `part` of its text, at most, from 0 to 1. The text says where something is missing. */
export function cutTo({ name, kind, text }: AttachedFile, part: number, keep: Keep): AttachedFile {
  const budget = Math.max(0, Math.floor(text.length * part));
  const head = beginning(text, keep === 'beginning' ? budget : Math.ceil(budget / 2));
  const tail = keep === 'beginning' ? '' : end(text, Math.floor(budget / 2));
  const missing = text.length - head.length - tail.length;
  return { name, kind, text: `${head}\n[... ${missing} characters are left out here ...]\n${tail}`, cut: true };
}

/** Up to the end of a line, where one ends in the last tenth; never in the middle of a character. */
function beginning(text: string, length: number): string {
  const line = text.lastIndexOf('\n', length - 1);
  if (line > 0.9 * length) return text.slice(0, line);
  return text.slice(0, isPair(text, length) ? length - 1 : length);
}

function end(text: string, length: number): string {
  const start = text.length - length;
  const line = text.indexOf('\n', start);
  if (line >= 0 && line - start < 0.1 * length) return text.slice(line + 1);
  return text.slice(isPair(text, start) ? start + 1 : start);
}

/** Whether a character of two units lies across this place. */
const isPair = (text: string, at: number): boolean => /[\uD800-\uDBFF]/.test(text.charAt(at - 1));
