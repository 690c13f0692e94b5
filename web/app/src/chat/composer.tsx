import { useSignal } from '@preact/signals';
import { ArrowUp, SlidersHorizontal, Square } from 'lucide';
import { type RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { attachments, mustWait, onPaste, takeFiles } from '../files/attachments';
import { AttachButton, Attachments } from '../files/chips';
import type { Conversation } from '../history/types';
import { shortcut, useShortcut } from '../keys/shortcuts';
import { answerer, hasGpu } from '../model/model';
import { Button, IconButton } from '../parts/button';
import { route } from '../route';
import { scope } from '../scope';
import { ConversationSettings } from '../settings/screen';
import { t } from '../text/text';
import { answerNow, replies, send } from './actions';
import { context } from './context';
import { draftOf } from './draft';
import { toEnd } from './follow';
import { isEnter } from '../keys/enter';
import { Meter } from './meter';
import { changeCurrent } from './open';
import type { Reply } from './reply';
import { ThinkingMenu } from './thinking';

/** Where one writes. What is typed stays while an answer is made; then it can be sent. */
export function Composer({ conversation }: { conversation: Conversation }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const text = draftOf(route.value.conversation);
  const reply = replies.value.get(conversation.id);
  const taken = context.value?.used ?? 0;
  const isEmpty = text.value.trim() === '' && attachments.value.length === 0;
  const canSend = !reply && !isEmpty && !mustWait(taken) && (scope === 'server' || hasGpu);
  useGrowth(field, text.value);
  useFocus(field, conversation.id);
  useShortcut('write', () => field.current?.focus());

  const submit = () => {
    if (!canSend) return;
    send(text.value.trim(), takeFiles());
    text.value = '';
    toEnd();
  };
  const press = (event: KeyboardEvent) => {
    if (!isEnter(event)) return;
    event.preventDefault();
    submit();
  };
  return (
    <div class="composer">
      <Attachments taken={taken} />
      <textarea
        ref={field}
        class="growing"
        rows={1}
        aria-label={t('chat.message')}
        placeholder={t('chat.message')}
        dir="auto"
        enterkeyhint="send"
        value={text}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
        onKeyDown={press}
        onPaste={onPaste}
      />
      <div class="composer-bar">
        <AttachButton />
        <ThinkingMenu conversation={conversation} />
        <SettingsButton conversation={conversation} />
        <span class="space" />
        <Meter />
        {reply ? (
          <Stop reply={reply} />
        ) : (
          <IconButton icon={ArrowUp} look="main" label={t('chat.send')} disabled={!canSend} onClick={submit} />
        )}
      </div>
    </div>
  );
}

function SettingsButton({ conversation }: { conversation: Conversation }) {
  const open = useSignal(false);
  return (
    <>
      <IconButton icon={SlidersHorizontal} label={t('settings.conversation')} onClick={() => (open.value = true)} />
      {open.value && (
        <ConversationSettings
          own={conversation.settings}
          onChange={(settings) => void changeCurrent({ settings })}
          onClose={() => (open.value = false)}
        />
      )}
    </>
  );
}

function Stop({ reply }: { reply: Reply }) {
  useEffect(() => shortcut('stop', () => reply.stop()), [reply]);
  const canHurry = reply.phase.value === 'thinking' && reply.shown.value.completion !== undefined;
  return (
    <>
      {canHurry && answerer.value?.where === 'device' && (
        <Button onClick={() => answerNow(reply)}>{t('chat.answerNow')}</Button>
      )}
      <IconButton icon={Square} look="main" label={t('chat.stop')} onClick={() => reply.stop()} />
    </>
  );
}

/** The field is as high as its text, in browsers whose style sheets cannot say so. */
function useGrowth(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => {
    const { current } = field;
    if (!current || CSS.supports('field-sizing', 'content')) return;
    current.style.blockSize = 'auto';
    current.style.blockSize = `${current.scrollHeight}px`;
  }, [text]);
}

/** A conversation that is opened can be typed in at once; on touch screens that would cover it with a keyboard. */
function useFocus(field: RefObject<HTMLTextAreaElement | null>, conversation: string): void {
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus();
  }, [conversation]);
}
