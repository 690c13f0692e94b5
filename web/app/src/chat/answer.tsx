import { Copy, Play, RefreshCw, Trash2 } from 'lucide';
import { useState } from 'preact/hooks';
import type { Answer } from '../history/types';
import { Markdown } from '../markdown/lazy';
import { answerer, hasGpu, loading } from '../model/model';
import { Button, IconButton } from '../parts/button';
import { addressOf, scope } from '../scope';
import { t } from '../text/text';
import { continueAnswer, elsewhere, regenerate, remove, replies, replyOf } from './actions';
import { Branches } from './branches';
import { copy } from '../parts/copy';
import { FactsLine, FactsList } from './facts';
import { Reasoning } from './reasoning';
import type { Reply } from './reply';

export function AnswerView({ message, isLast }: { message: Answer; isLast: boolean }) {
  const reply = replyOf(message);
  const answer = reply ? reply.shown.value : message;
  const { id, content, reasoning, facts } = answer;
  return (
    <article class={`message answer ${isLast ? 'last' : ''}`} aria-labelledby={`name-${id}`}>
      <h2 id={`name-${id}`} class="hidden">
        {facts.model ? t('chat.answerOf', { name: facts.model }) : t('chat.answer')}
      </h2>
      {reasoning !== '' && <Reasoning answer={answer} reply={reply} />}
      <div class="answer-text" aria-busy={reply !== undefined}>
        {content !== '' && <Markdown text={content} streaming={reply !== undefined} />}
      </div>
      {reply ? <Progress reply={reply} /> : <State answer={answer} isLast={isLast} />}
      {!reply && <Actions answer={message} />}
    </article>
  );
}

/** What is waited for, before anything is said. */
function Progress({ reply }: { reply: Reply }) {
  const phase = reply.phase.value;
  if (phase === 'reading') return <p class="progress-note">{t('chat.reading')}</p>;
  if (phase !== 'waiting') return null;
  if (answerer.value) return <p class="progress-note">{t('chat.waiting')}</p>;
  if (loading.value) return <p class="progress-note">{t('chat.startsWith', { name: loading.value.name })}</p>;
  return (
    <p class="state">
      <span class="soft">{t('chat.needsModel')}</span>
      {hasGpu && <a href={addressOf('models')}>{t('model.get')}</a>}
    </p>
  );
}

/** How it ended, if not by itself, and the way on. */
function State({ answer, isLast }: { answer: Answer; isLast: boolean }) {
  const { state, error, content, reasoning, facts, id } = answer;
  if (elsewhere.value.has(id)) return <p class="state soft">{t('chat.elsewhere')}</p>;
  if (isLast && (state === 'waiting' || state === 'running')) return null; // which is looked into
  if (state === 'done') return content === '' ? <p class="state soft">{t('chat.nothing')}</p> : null;
  const isBegun = content !== '' || reasoning !== '';
  const canContinue = !isBegun || (scope === 'chat' && facts.server === undefined);
  return (
    <div class={state === 'failed' ? 'state note bad' : 'state'} role={state === 'failed' ? 'alert' : undefined}>
      <span class={state === 'failed' ? '' : 'soft'}>{wordsFor(state, error)}</span>
      {isLast && canContinue && !replies.value.has(answer.conversation) && (
        <Button icon={Play} onClick={() => continueAnswer(answer)}>
          {isBegun ? t('chat.continue') : t('chat.again')}
        </Button>
      )}
    </div>
  );
}

function wordsFor(state: Answer['state'], error: string | undefined): string {
  if (state === 'failed') return t('chat.failed', { error: error ?? '' });
  return state === 'length' ? t('chat.length') : t('chat.stopped');
}

function Actions({ answer }: { answer: Answer }) {
  const [open, setOpen] = useState(false);
  const { content, conversation, facts } = answer;
  return (
    <div class="actions">
      <Branches message={answer} />
      {content !== '' && <IconButton icon={Copy} label={t('copy')} onClick={() => void copy(content)} />}
      {!replies.value.has(conversation) && (
        <IconButton icon={RefreshCw} label={t('chat.regenerate')} onClick={() => regenerate(answer)} />
      )}
      <IconButton icon={Trash2} label={t('delete')} onClick={() => remove(answer)} />
      <FactsLine facts={facts} open={open} toggle={() => setOpen(!open)} />
      {open && <FactsList answer={answer} />}
    </div>
  );
}
