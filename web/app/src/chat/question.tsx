import { Copy, Pencil, Trash2 } from 'lucide';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { FileChips } from '../files/chips';
import { conversations } from '../history/conversations';
import type { Question } from '../history/types';
import { Button, IconButton } from '../parts/button';
import { t } from '../text/text';
import { answerTo, edit, remove, replies } from './actions';
import { Branches } from './branches';
import { copy } from '../parts/copy';
import { isEnter } from '../keys/enter';

export function QuestionView({ question, isLast }: { question: Question; isLast: boolean }) {
  const [editing, setEditing] = useState(false);
  const { content, files, conversation: id } = question;
  const busy = replies.value.has(id);
  const answer = () => {
    const conversation = conversations.value.get(id);
    if (conversation) answerTo(conversation, question);
  };
  return (
    <article class={`message question ${isLast ? 'last' : ''}`} aria-labelledby={`name-${question.id}`}>
      <h2 id={`name-${question.id}`} class="hidden">
        {t('chat.you')}
      </h2>
      <FileChips files={files} />
      {editing ? (
        <Edit question={question} onEnd={() => setEditing(false)} />
      ) : (
        content !== '' && (
          <div class="bubble" dir="auto">
            {content}
          </div>
        )
      )}
      {!editing && (
        <div class="actions">
          <Branches message={question} />
          {!busy && <IconButton icon={Pencil} label={t('chat.edit')} onClick={() => setEditing(true)} />}
          <IconButton icon={Copy} label={t('copy')} onClick={() => void copy(content)} />
          <IconButton icon={Trash2} label={t('delete')} onClick={() => remove(question)} />
          {isLast && !busy && <Button onClick={answer}>{t('chat.answerThis')}</Button>}
        </div>
      )}
    </article>
  );
}

/** The question in a field, in its place. */
function Edit({ question, onEnd }: { question: Question; onEnd: () => void }) {
  const [text, setText] = useState(question.content);
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, []);
  const canSend = text.trim() !== '' || question.files.length > 0;
  const send = () => {
    if (!canSend || replies.value.has(question.conversation)) return;
    onEnd();
    edit(question, text.trim());
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' && !isEnter(event)) return;
    event.preventDefault();
    if (event.key === 'Escape') onEnd();
    else send();
  };
  return (
    <div class="edit">
      <textarea
        ref={field}
        class="growing"
        aria-label={t('chat.edit')}
        dir="auto"
        enterkeyhint="send"
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={press}
      />
      <div class="ways">
        <Button look="plain" onClick={onEnd}>
          {t('cancel')}
        </Button>
        <Button look="main" disabled={!canSend} onClick={send}>
          {t('chat.save')}
        </Button>
      </div>
    </div>
  );
}
