import type { IconNode } from 'lucide';
import { LoaderCircle, Lock, LockOpen, Send, ShieldQuestionMark } from 'lucide';
import { Icon } from '../parts/icon';
import { hrefOf } from '../route';
import { chosenServer, scope } from '../scope';
import { t } from '../text/text';
import './badge.css';
import { verdict } from './self-test';

const ICONS: Record<typeof verdict.value, IconNode> = {
  checking: LoaderCircle,
  locked: Lock,
  unproved: ShieldQuestionMark,
  open: LockOpen,
};

/** Whether something can leave the page, in a few words; the privacy screen says more. */
export function PrivacyBadge() {
  const { value } = verdict;
  const away = scope === 'server' && value !== 'open';
  const server = chosenServer && new URL(chosenServer).host;
  const words = away ? (server ? t('privacy.away', { server }) : t('privacy.awayNowhere')) : t(`privacy.${value}`);
  return (
    <a class={`privacy-badge ${away ? 'away' : value}`} href={hrefOf({ screen: 'privacy' })} title={words}>
      <Icon of={away ? Send : ICONS[value]} size={15} />
      <span role="status" dir="auto">
        {words}
      </span>
    </a>
  );
}
