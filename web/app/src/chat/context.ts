// How much of the model's context a conversation takes.

import { computed, effect, signal } from '@preact/signals';
import { answerer } from '../model/model';
import { replies } from './actions';
import { current, path } from './open';
import { promptRequest } from './request';

/** Tokens of the prompt for what is shown. */
const counted = signal(0);

// counted anew when something is said, or said differently; not at each token
effect(() => {
  const [who, conversation, shown] = [answerer.value, current.value, path.value];
  if (who?.where !== 'device' || !conversation || shown.length === 0) {
    counted.value = 0;
    return;
  }
  let isOver = false;
  const count = who.engine.countTokens(promptRequest(conversation, shown, who));
  count.then((tokens) => !isOver && (counted.value = tokens)).catch(() => {}); // as it was, then
  return () => {
    isOver = true;
  };
});

/** Tokens that are taken, and that there are; undefined where that is not known, as of a server. */
export const context = computed<{ used: number; all: number } | undefined>(() => {
  const who = answerer.value;
  if (who?.where !== 'device') return undefined;
  const reply = replies.value.get(current.value?.id ?? '');
  return { used: counted.value + (reply?.shown.value ? reply.pieces : 0), all: who.engine.info.nCtx };
});
