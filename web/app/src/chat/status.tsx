import type { Conversation } from '../history/types';
import { t, type TextKey } from '../text/text';
import { replies } from './actions';
import { announced } from './announce';
import type { Phase } from './reply';

const PHASES: Record<Phase, TextKey> = {
  waiting: 'chat.waiting',
  reading: 'chat.reading',
  thinking: 'chat.thinking',
  answering: 'chat.answering',
};

/** What goes on, for screen readers. */
export function Status({ conversation }: { conversation: Conversation }) {
  const reply = replies.value.get(conversation.id);
  return (
    <p class="hidden" role="status">
      {reply ? t(PHASES[reply.phase.value]) : announced.value}
    </p>
  );
}
