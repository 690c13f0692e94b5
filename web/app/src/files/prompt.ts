// What the model is given for a question with files.

import type { AttachedFile, Question } from '../history/types';

/** The files, each fenced and by its name, and then what the person says: models weigh most what comes last. */
export function promptOf({ content, files }: Pick<Question, 'content' | 'files'>): string {
  return [...files.map(blockOf), content].filter((part) => part.trim() !== '').join('\n\n');
}

export function blockOf({ name, kind, text, cut }: AttachedFile): string {
  const fence = fenceOf(text);
  const title = `File: ${lineOf(name)}${cut ? ' (parts of it are left out)' : ''}`;
  return `${title}\n${fence}${kind}\n${text.replace(/\n+$/, '')}\n${fence}`;
}

/** Names of files may have line breaks in them; in a prompt they would look like something else that is said. */
const lineOf = (name: string): string => name.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

/** Longer than any fence in the text, so that none ends it. */
function fenceOf(text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), ([run]) => run.length));
  return '`'.repeat(longest + 1);
}
