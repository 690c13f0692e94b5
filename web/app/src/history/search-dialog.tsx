import { useSignal } from '@preact/signals';
import { useEffect, useId, useMemo, useRef } from 'preact/hooks';
import { Dialog } from '../parts/dialog';
import { go } from '../route';
import { day } from '../text/format';
import { t } from '../text/text';
import { conversations } from './conversations';
import { byUpdate } from './groups';
import type { Passage } from './match';
import { nameOf } from './row';
import { type Found, MOST, readTexts, search } from './search';
import './search.css';

/** How many of the last conversations are there before one types. */
const RECENT = 8;

const recent = (): Found[] =>
  [...conversations.value.values()]
    .filter(({ archived }) => !archived)
    .sort(byUpdate)
    .slice(0, RECENT)
    .map((conversation) => ({ conversation, title: undefined, message: undefined }));

interface Results {
  query: string;
  found: Found[];
  more: boolean;
}

export function SearchDialog({ onClose }: { onClose: () => void }) {
  const results = useSignal<Results>({ query: '', found: recent(), more: false });
  const chosen = useSignal(0);
  const texts = useMemo(() => readTexts().catch(() => new Map()), []); // before anything is typed; titles are there without
  const running = useRef<AbortController | undefined>(undefined);
  const id = useId();
  useEffect(() => () => running.current?.abort(), []);

  const look = async (query: string) => {
    running.current?.abort();
    const { signal } = (running.current = new AbortController());
    try {
      const now = query.trim() === '' ? { found: recent(), more: false } : await search(query, await texts, signal);
      results.value = { query, ...now };
      chosen.value = 0;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
  const open = (found: Found | undefined) => {
    if (!found) return;
    const { conversation, message } = found;
    onClose();
    go({ screen: 'chat', conversation: conversation.id, ...(message && { message: message.id }) });
  };
  const { query, found, more } = results.value;
  const key = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    const last = found.length - 1;
    const at = chosen.value;
    const to = { ArrowDown: at === last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1 }[event.key];
    if (to === undefined && event.key !== 'Enter') return;
    event.preventDefault();
    if (to === undefined) open(found[at]);
    else chosen.value = to;
  };

  return (
    <Dialog title={t('history.search')} onClose={onClose} wide>
      <input
        type="text"
        inputMode="search"
        class="search-field"
        autofocus
        dir="auto"
        enterkeyhint="go"
        autocomplete="off"
        role="combobox"
        aria-autocomplete="list"
        aria-label={t('history.search')}
        aria-expanded={found.length > 0}
        aria-controls={id}
        aria-activedescendant={found.length > 0 ? `${id}-${chosen.value}` : undefined}
        placeholder={t('history.searchFor')}
        onInput={(event) => void look(event.currentTarget.value)}
        onKeyDown={key}
      />
      <p class={found.length > 0 && query !== '' ? 'hidden' : 'soft'} role="status">
        {statusOf(results.value)}
      </p>
      <ul id={id} class="found" role="listbox" aria-label={t('history.results')}>
        {found.map((one, index) => (
          <Result
            key={one.conversation.id}
            id={`${id}-${index}`}
            found={one}
            chosen={index === chosen.value}
            onChoose={() => open(one)}
          />
        ))}
      </ul>
      {more && <p class="soft">{t('history.more', { count: MOST })}</p>}
    </Dialog>
  );
}

function statusOf({ query, found, more }: Results): string {
  if (query.trim() === '') return t(found.length > 0 ? 'history.recent' : 'history.empty');
  if (found.length === 0) return t('history.nothing', { query: query.trim() });
  return more ? t('history.more', { count: MOST }) : t('history.found', { count: found.length });
}

function Result({
  id,
  found: { conversation, title, message },
  chosen,
  onChoose,
}: {
  id: string;
  found: Found;
  chosen: boolean;
  onChoose: () => void;
}) {
  const element = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (chosen) element.current?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  return (
    <li ref={element} id={id} role="option" aria-selected={chosen} onClick={onChoose}>
      <span class="found-title" dir="auto">
        {title ? <Marked passage={title} /> : nameOf(conversation)}
      </span>
      <time class="soft" dateTime={new Date(conversation.updated).toISOString()}>
        {day(conversation.updated)}
      </time>
      {message && (
        <span class="found-passage soft" dir="auto">
          <Marked passage={message.passage} />
        </span>
      )}
    </li>
  );
}

function Marked({ passage: { before, match, after } }: { passage: Passage }) {
  return (
    <>
      {before}
      <mark>{match}</mark>
      {after}
    </>
  );
}
