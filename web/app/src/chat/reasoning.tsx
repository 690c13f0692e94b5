// What the model thought, in a fold: open while it thinks, unless the reader wants it otherwise.

import { signal } from '@preact/signals';
import { ChevronRight } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import type { Answer } from '../history/types';
import { Markdown } from '../markdown/lazy';
import { Icon } from '../parts/icon';
import { readStored, writeStored } from '../stored';
import { duration } from '../text/format';
import { t } from '../text/text';
import type { Reply } from './reply';

const KEY = 'minke.folds';

/** Folds as the reader left them, by message. */
const chosen = signal(Object(readStored(KEY, 'sessionStorage') ?? {}) as Record<string, boolean>);

function choose(id: string, open: boolean): void {
  chosen.value = { ...chosen.value, [id]: open };
  writeStored(KEY, chosen.value, 'sessionStorage');
}

/** `reply` is given while the answer is made. */
export function Reasoning({ answer, reply }: { answer: Answer; reply: Reply | undefined }) {
  const { id, reasoning, content } = answer;
  const thinking = reply?.phase.value === 'thinking';
  const open = chosen.value[id] ?? content === '';
  const toggle = (event: MouseEvent) => {
    event.preventDefault(); // the fold is as the state says
    choose(id, !open);
  };
  return (
    <details class="reasoning" open={open}>
      <summary class={thinking ? 'thinking' : ''} onClick={toggle}>
        <Icon of={ChevronRight} size={16} />
        {thinking ? <Timer reply={reply} /> : <span>{overIn(answer)}</span>}
      </summary>
      {open && (
        <div class="reasoning-text" aria-busy={thinking}>
          <Markdown text={reasoning} streaming={thinking} />
          <Ended answer={answer} />
        </div>
      )}
    </details>
  );
}

function overIn({ thoughtFor, content, state }: Answer): string {
  if (thoughtFor === undefined) return t('chat.thoughts');
  if (thoughtFor < 1 && content !== '') return t('chat.thoughtBriefly');
  const isCut = content === '' && state !== 'done';
  return t(isCut ? 'chat.thoughtUntilCut' : 'chat.thoughtFor', { time: duration(thoughtFor) });
}

/** Counts while the model thinks, also between its words. */
function Timer({ reply }: { reply: Reply }) {
  const [seconds, setSeconds] = useState(reply.thinkingTime() ?? 0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds(reply.thinkingTime() ?? 0), 1000);
    return () => clearInterval(timer);
  }, [reply]);
  return <span>{t('chat.thinkingFor', { time: duration(seconds) })}</span>;
}

function Ended({ answer: { thinkingEnded } }: { answer: Answer }) {
  if (!thinkingEnded) return null;
  const text = { budget: t('chat.endedBudget'), answer_now: t('chat.endedNow'), repetition: t('chat.endedCircle') };
  return <p class="reasoning-end">{text[thinkingEnded]}</p>;
}
