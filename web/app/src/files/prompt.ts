// What the model is given for a question with files.

import type { AttachedFile, Question } from '../history/types';

/** The files, each fenced and by its name, and then what the person says: models weigh most what comes last. */
export function promptOf({ content, files }: Pick<Question, 'content' | 'files'>): string {
  return [...files.map(blockOf), content].filter((part) => part.trim() !== '').join('\n\n');
}

export const blockOf = (file: AttachedFile): string =>
  `File: ${lineOf(file.name)}${file.cut ? ' (parts of it are left out)' : ''}\n${fenced(file)}`;

/** Names of files may have line breaks in them; in a prompt they would look like something else that is said. */
const lineOf = (name: string): string => name.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

/** A file's text in a fence that is longer than any in it, so that none ends it. */
export function fenced({ kind, text }: AttachedFile): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${kind}\n${text.replace(/\n+$/, '')}\n${fence}`;
}
