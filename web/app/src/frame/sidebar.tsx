import { ArrowDownUp, Cpu, Search, Settings, ShieldCheck, SquarePen, X } from 'lucide';
import { openExchange, openSearch } from '../history/dialogs';
import { ConversationList } from '../history/list';
import { IconButton } from '../parts/button';
import { Brand } from '../parts/brand';
import { Icon } from '../parts/icon';
import { isApple } from '../keys/shortcuts';
import { hrefOf, route } from '../route';
import { addressOf } from '../scope';
import { t } from '../text/text';
import { closeOver, side } from './side';

export function Sidebar() {
  const { screen, conversation } = route.value;
  const current = (is: boolean) => (is ? 'page' : undefined);
  return (
    <nav id="sidebar" class="sidebar" aria-label={t('frame.conversations')} onClick={choose} onKeyDown={escape}>
      <div class="sidebar-top">
        <Brand href={hrefOf({ screen: 'chat' })} />
        {side.value === 'over' && <IconButton icon={X} label={t('close')} onClick={closeOver} />}
      </div>
      <a class="entry" href={hrefOf({ screen: 'chat' })} aria-current={current(screen === 'chat' && !conversation)}>
        <Icon of={SquarePen} />
        {t('frame.new')}
      </a>
      <button type="button" class="entry" onClick={openSearch} aria-keyshortcuts="Control+K Meta+K">
        <Icon of={Search} />
        {t('frame.search')}
        <kbd aria-hidden="true">{isApple ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      <ConversationList />
      <div class="entries">
        <a class="entry" href={addressOf('models')}>
          <Icon of={Cpu} />
          {t('frame.models')}
        </a>
        <a class="entry" href={hrefOf({ screen: 'settings' })} aria-current={current(screen === 'settings')}>
          <Icon of={Settings} />
          {t('frame.settings')}
        </a>
        <a class="entry" href={hrefOf({ screen: 'privacy' })} aria-current={current(screen === 'privacy')}>
          <Icon of={ShieldCheck} />
          {t('frame.privacy')}
        </a>
        <button type="button" class="entry" onClick={openExchange}>
          <Icon of={ArrowDownUp} />
          {t('history.exchange')}
        </button>
      </div>
    </nav>
  );
}

/** What is chosen is looked at, so the side goes out of the way. */
function choose({ target }: MouseEvent): void {
  if ((target as Element).closest('a, button.entry')) closeOver();
}

function escape({ key }: KeyboardEvent): void {
  if (key === 'Escape') closeOver();
}
