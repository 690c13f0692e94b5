import type { Conversation } from '../history/types';
import { hrefOf } from '../route';
import { type Settings, settingsOf } from '../settings/settings';
import { percent } from '../text/format';
import { t, type TextKey } from '../text/text';
import { context } from './context';

/** From here on people are told. */
const NEARLY = 0.9;
const ROUND = 2 * Math.PI * 7;

const part = () => (context.value ? Math.min(1, context.value.used / context.value.all) : 0);

/** A ring that fills as the context does. */
export function Meter() {
  if (!context.value?.used) return null;
  const { used, all } = context.value;
  const words = t('chat.context', { used: Math.min(used, all), all });
  return (
    <span
      class={`context-meter ${part() >= NEARLY ? 'nearly' : ''}`}
      role="meter"
      aria-label={t('chat.contextName')}
      aria-valuemin={0}
      aria-valuemax={all}
      aria-valuenow={Math.min(used, all)}
      aria-valuetext={words}
      title={words}
    >
      <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
        <circle cx="9" cy="9" r="7" />
        <circle class="filled" cx="9" cy="9" r="7" stroke-dasharray={`${part() * ROUND} ${ROUND}`} />
      </svg>
      {percent(part())}
    </span>
  );
}

const WHAT_HAPPENS: Record<Settings['overflow'], TextKey> = {
  slide: 'chat.full.slide',
  'truncate-middle': 'chat.full.middle',
  error: 'chat.full.error',
};

/** What happens when it is full, and what one can do. */
export function ContextNote({ conversation }: { conversation: Conversation }) {
  if (part() < NEARLY) return null;
  const { overflow } = settingsOf(conversation.settings);
  return (
    <div class="note warn" role="note">
      <p>{t(WHAT_HAPPENS[overflow], { part: percent(part()) })}</p>
      <p class="note-ways">
        <a href={hrefOf({ screen: 'chat' })}>{t('chat.startNew')}</a>
        <a href={hrefOf({ screen: 'settings' })}>{t('chat.larger')}</a>
      </p>
    </div>
  );
}
