// The chat: what was said, and where one writes.

import { ArrowDown } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { DropZone } from '../files/drop-zone';
import type { Conversation } from '../history/types';
import { loadLast } from '../model/model';
import { Button } from '../parts/button';
import { useShortcut } from '../keys/shortcuts';
import { hrefOf, route } from '../route';
import { scope } from '../scope';
import { t } from '../text/text';
import { open, reveal } from './actions';
import { AnswerView } from './answer';
import './chat.css';
import { Composer } from './composer';
import './composer.css';
import { copy } from '../parts/copy';
import { following, toEnd, useFollow } from './follow';
import { ContextNote } from './meter';
import { LoadError, LoadingLine } from './notes';
import { current, path } from './open';
import { QuestionView } from './question';
import { Start } from './start';
import { Status } from './status';

let looked = false;

export function ChatScreen() {
  useEffect(() => {
    if (scope === 'chat' && !looked) void loadLast();
    looked = true;
  }, []);
  const conversation = current.value;
  return conversation ? <Chat key={conversation.id} conversation={conversation} /> : <NotHere />;
}

function Chat({ conversation }: { conversation: Conversation }) {
  const column = useRef<HTMLDivElement>(null);
  const { id, title, leaf } = conversation;
  useFollow(column);
  const { message } = route.value;
  useEffect(() => void open(id), [id, leaf]);
  useEffect(() => void (message && open(id).then(() => reveal(id, message))), [id, message]);
  useShortcut('copy', () => {
    const last = path.value.findLast(({ role }) => role === 'assistant');
    if (last?.content) void copy(last.content);
  });
  return (
    <div class="chat" ref={column}>
      <h1 class="hidden">{title || t('frame.new')}</h1>
      {path.value.length > 0 && <Messages />}
      {leaf === null && <Start />}
      <div class="chat-foot">
        {!following.value && leaf !== null && (
          <Button icon={ArrowDown} onClick={toEnd}>
            {t('chat.newest')}
          </Button>
        )}
        <LoadError />
        <LoadingLine />
        <ContextNote conversation={conversation} />
        <Composer conversation={conversation} />
        <p class="caution soft">{t('chat.caution')}</p>
      </div>
      <Status conversation={conversation} />
      <DropZone />
    </div>
  );
}

function Messages() {
  const messages = path.value;
  const last = messages.at(-1);
  return (
    <div class="messages" role="region" aria-label={t('chat.messages')}>
      {messages.map((message) =>
        message.role === 'user' ? (
          <QuestionView key={message.id} question={message} isLast={message === last} />
        ) : (
          <AnswerView key={message.id} message={message} isLast={message === last} />
        ),
      )}
    </div>
  );
}

/** The address is of a conversation that this browser has not, or no more. */
function NotHere() {
  return (
    <div class="chat">
      <div class="start">
        <h1>{t('chat.notHere')}</h1>
        <p>{t('chat.notHereWhy')}</p>
        <a class="button" href={hrefOf({ screen: 'chat' })}>
          {t('frame.new')}
        </a>
      </div>
    </div>
  );
}
