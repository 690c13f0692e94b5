// The conversations that have settings of their own, and the way to those.

import { useState } from 'preact/hooks';
import { conversations, save } from '../history/conversations';
import { Button } from '../parts/button';
import { t } from '../text/text';
import { ConversationSettings } from './screen';
import { ownSettings } from './settings';

export function DifferingConversations() {
  const [open, setOpen] = useState<string>();
  const differing = [...conversations.value.values()]
    .map((conversation) => ({ conversation, count: Object.keys(ownSettings(conversation.settings, {})).length }))
    .filter(({ conversation, count }) => count > 0 || conversation.id === open);
  const shown = open === undefined ? undefined : conversations.value.get(open);
  if (differing.length === 0) return <p class="soft">{t('settings.differing.none')}</p>;
  return (
    <>
      <p class="soft">{t('settings.differing.about')}</p>
      <ul class="list">
        {differing.map(({ conversation: { id, title }, count }) => (
          <li key={id}>
            <bdi>{title || t('settings.differing.untitled')}</bdi>
            <span class="soft">{t('settings.differing.count', { count })}</span>
            <Button onClick={() => setOpen(id)}>{t('settings.differing.open')}</Button>
          </li>
        ))}
      </ul>
      {shown && (
        <ConversationSettings
          own={shown.settings}
          onChange={(settings) => void save({ ...shown, settings })}
          onClose={() => setOpen(undefined)}
        />
      )}
    </>
  );
}
