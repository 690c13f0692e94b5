// A conversation in the list: its link, and what can be done with it.

import { useSignal } from '@preact/signals';
import { Archive, ArchiveRestore, Braces, Ellipsis, FileDown, Pencil, Pin, PinOff, Trash2 } from 'lucide';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from '../parts/icon';
import { Menu, type MenuItem } from '../parts/menu';
import { say } from '../parts/toast';
import { go, hrefOf, replace, route } from '../route';
import { t } from '../text/text';
import { change, deleteConversation, emptyBin, restoreConversation } from './conversations';
import type { Conversation } from './types';

/** What a conversation is called, whether it has a title or not yet. */
export const nameOf = ({ title }: Conversation): string => title || t('history.untitled');

export function Row({ conversation }: { conversation: Conversation }) {
  const renaming = useSignal(false);
  const row = useRef<HTMLLIElement>(null);
  const { id, title } = conversation;
  const current = route.value.conversation === id;
  const name = nameOf(conversation);
  const endRename = () => {
    renaming.value = false;
    requestAnimationFrame(() => row.current?.querySelector('a')?.focus());
  };
  return (
    <li ref={row} class="row">
      {renaming.value ? (
        <Rename conversation={conversation} onEnd={endRename} />
      ) : (
        <>
          <a
            class={title ? 'entry' : 'entry soft'}
            href={hrefOf({ screen: 'chat', conversation: id })}
            aria-current={current ? 'page' : undefined}
            title={name}
          >
            <span dir="auto">{name}</span>
          </a>
          <Menu
            label={t('history.options', { title: name })}
            button={<Icon of={Ellipsis} />}
            items={itemsOf(conversation, row.current, () => (renaming.value = true))}
          />
        </>
      )}
    </li>
  );
}

function itemsOf(conversation: Conversation, row: HTMLLIElement | null, rename: () => void): MenuItem[] {
  const { id, pinned, archived } = conversation;
  const leave = (action: () => void) => () => {
    focusNeighbour(row);
    action();
  };
  const exportAs = (as: 'json' | 'markdown') => async () => (await import('./exchange')).exportOne(conversation, as);
  return [
    { label: t('history.rename'), icon: Pencil, action: rename },
    {
      label: t(pinned ? 'history.unpin' : 'history.pin'),
      icon: pinned ? PinOff : Pin,
      action: () => void change(id, { pinned: !pinned }),
    },
    {
      label: t(archived ? 'history.unarchive' : 'history.archive'),
      icon: archived ? ArchiveRestore : Archive,
      action: leave(() => void change(id, { archived: !archived })),
    },
    { label: t('history.exportMarkdown'), icon: FileDown, action: exportAs('markdown') },
    { label: t('history.exportJson'), icon: Braces, action: exportAs('json') },
    { label: t('delete'), icon: Trash2, danger: true, action: leave(() => deleteWithUndo(conversation)) },
  ];
}

/** A row that goes away leaves the focus to the next one. */
function focusNeighbour(row: HTMLLIElement | null): void {
  const next = row?.nextElementSibling ?? row?.previousElementSibling;
  (next?.querySelector('a') ?? document.querySelector<HTMLElement>('#sidebar > a'))?.focus();
}

/** Deletes a conversation, for good once the way back has gone. */
function deleteWithUndo(conversation: Conversation): void {
  const { id } = conversation;
  const wasOpen = route.value.conversation === id;
  if (wasOpen) replace({ screen: 'chat' });
  void deleteConversation(id);
  const undo = () => {
    void restoreConversation(id);
    if (wasOpen) go({ screen: 'chat', conversation: id });
  };
  say(t('history.deleted', { title: nameOf(conversation) }), undo, () => void emptyBin([id]));
}

/** The title as a field: Enter or leaving it keeps what is written, Escape does not. */
function Rename({ conversation: { id, title }, onEnd }: { conversation: Conversation; onEnd: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  const over = useRef(false);
  useLayoutEffect(() => field.current?.select(), []);
  const end = (keep: boolean) => {
    if (over.current) return;
    over.current = true;
    const written = field.current?.value.trim();
    if (keep && written && written !== title) void change(id, { title: written, titledBy: 'person' });
    onEnd();
  };
  const key = (event: KeyboardEvent) => {
    if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
    event.preventDefault();
    event.stopPropagation();
    end(event.key === 'Enter');
  };
  return (
    <input
      ref={field}
      dir="auto"
      maxLength={200}
      aria-label={t('history.title')}
      defaultValue={title}
      onKeyDown={key}
      onBlur={() => end(true)}
    />
  );
}
