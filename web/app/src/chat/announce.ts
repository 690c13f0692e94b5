// What screen readers are told of answers: that they are there, not each word of them.

import { signal } from '@preact/signals';
import type { Answer } from '../history/types';
import { wordsOf } from '../text/segments';
import { language, t } from '../text/text';

/** The end of the last answer. */
export const announced = signal('');

export function tellEnd({ state, content }: Answer): void {
  if (state === 'failed')
    announced.value = ''; // the error is an alert itself
  else if (state === 'stopped') announced.value = t('chat.stopped');
  else announced.value = t('chat.ready', { count: countWords(content) });
}

const countWords = (text: string): number =>
  [...wordsOf(text, language.value)].filter(({ isWordLike }) => isWordLike).length;
