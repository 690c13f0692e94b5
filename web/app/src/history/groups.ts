// The conversations in the order of the list, in groups by when something was last said.

import { language, t } from '../text/text';
import type { Conversation } from './types';

export interface Group {
  name: string;
  conversations: Conversation[];
}

/** Newest first. */
export const byUpdate = (a: Conversation, b: Conversation): number => b.updated - a.updated;

/** As they stand in the list: the pinned ones first. */
export const inOrder = (conversations: Iterable<Conversation>): Conversation[] =>
  [...conversations].sort((a, b) => Number(b.pinned) - Number(a.pinned) || byUpdate(a, b));

/**
 * The groups that have a conversation: the pinned ones, those of the last days, and those before by month. `today` is when it
 * began.
 */
export function grouped(conversations: readonly Conversation[], today: number): Group[] {
  const month = new Intl.DateTimeFormat(language.value, { month: 'long', year: 'numeric' });
  const daysAgo = (days: number) => new Date(today).setDate(new Date(today).getDate() - days);
  const recent: [number, string][] = [
    [today, t('history.today')],
    [daysAgo(1), t('history.yesterday')],
    [daysAgo(7), t('history.days', { count: 7 })],
    [daysAgo(30), t('history.days', { count: 30 })],
  ];
  const nameOf = ({ pinned, updated }: Conversation) =>
    pinned ? t('history.pinned') : (recent.find(([from]) => updated >= from)?.[1] ?? month.format(updated));

  const groups: Group[] = [];
  for (const conversation of inOrder(conversations)) {
    const name = nameOf(conversation);
    if (groups.at(-1)?.name !== name) groups.push({ name, conversations: [] });
    groups.at(-1)?.conversations.push(conversation);
  }
  return groups;
}
