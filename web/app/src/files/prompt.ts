// What the model is given for a question with files.

import type { Question } from '../history/types';

/** What the person says, and then each file in a fence. */
export function promptOf({ content, files }: Pick<Question, 'content' | 'files'>): string {
  return [content, ...files.map(({ name, kind, text }) => `${name}\n\`\`\`${kind}\n${text}\n\`\`\``)].join('\n\n');
}
