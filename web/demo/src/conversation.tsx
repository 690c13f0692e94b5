// Questions, replies, and the form below them.

import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { ask, busy, messages, type Reply, stop } from './chat';
import { duration, rate } from './units';

export function Conversation() {
  const end = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    for (const message of messages.value) if ('value' in message) void message.value;
    if (atBottom()) requestAnimationFrame(() => end.current?.scrollIntoView({ block: 'end' }));
  });
  return (
    <div class="chat">
      <div class="messages">
        {messages.value.length === 0 && <p class="hint">Ask something. The model thinks first, then answers.</p>}
        {messages.value.map((message, i) =>
          'value' in message ? (
            <ReplyView key={i} reply={message} />
          ) : (
            <p key={i} class="question" dir="auto">
              {message.content}
            </p>
          ),
        )}
        <div ref={end} />
      </div>
      <p role="status" class="visually-hidden">
        {status()}
      </p>
      <Composer />
    </div>
  );
}

/** The page follows the reply only while the reader is at its end. */
function atBottom(): boolean {
  const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
  return scrollHeight - scrollTop - clientHeight < 80;
}

/** For screen readers: changes of state, not every token. */
function status(): string {
  const last = messages.value.at(-1);
  return last && 'value' in last ? STATES[last.value.state] : '';
}

const STATES: Record<Reply['state'], string> = {
  waiting: 'Reading your message',
  thinking: 'Thinking',
  answering: 'Answering',
  done: 'The answer is complete',
  cut: 'The answer ends at the length limit',
  stopped: 'Stopped',
  failed: 'Failed',
};

function ReplyView({ reply }: { reply: Signal<Reply> }) {
  const { content, reasoning, state, error } = reply.value;
  const unfinished = state === 'waiting' || state === 'thinking' || state === 'answering';
  return (
    <article class="reply" aria-label="Reply" aria-busy={unfinished}>
      {reasoning && <Reasoning {...reply.value} />}
      {content && (
        <div class="answer" dir="auto">
          {content}
        </div>
      )}
      {error && (
        <p role="alert" class="error">
          {error}
        </p>
      )}
      <footer>{note(reply.value)}</footer>
    </article>
  );
}

/** Open while the model thinks; once the reader has used it, it stays as the reader left it. */
function Reasoning({ reasoning, state, thought }: Reply) {
  const chosen = useSignal<boolean | undefined>(undefined);
  const open = chosen.value ?? state === 'thinking';
  const toggle = (event: Event) => {
    event.preventDefault();
    chosen.value = !open;
  };
  return (
    <details open={open}>
      <summary onClick={toggle}>{thought === undefined ? 'Thinking' : `Thought for ${duration(thought)}`}</summary>
      <div class="reasoning" dir="auto">
        {reasoning}
      </div>
    </details>
  );
}

function note({ state, tokens, tokensPerSecond }: Reply): string {
  const speed = tokensPerSecond > 0 ? `${tokens} tokens · ${rate(tokensPerSecond)} tokens/s` : '';
  const ended = state === 'stopped' || state === 'cut' || state === 'waiting' ? STATES[state] : '';
  return [ended, speed].filter(Boolean).join(' · ');
}

function Composer() {
  const text = useSignal('');
  const send = (event: Event) => {
    event.preventDefault();
    const content = text.value.trim();
    if (!content || busy.value) return;
    text.value = '';
    void ask(content);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
  };
  return (
    <form class="composer" onSubmit={send}>
      <textarea
        aria-label="Message"
        placeholder="Message"
        rows={2}
        enterkeyhint="send"
        dir="auto"
        value={text.value}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        onKeyDown={onKeyDown}
        ref={(element) => {
          if (element && !busy.value && document.activeElement === document.body) element.focus();
        }}
      />
      {busy.value ? (
        <button type="button" onClick={stop}>
          Stop
        </button>
      ) : (
        <button type="submit" disabled={text.value.trim() === ''}>
          Send
        </button>
      )}
    </form>
  );
}
