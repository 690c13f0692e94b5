import { Cpu, Settings, SquarePen } from 'lucide';
import { conversations } from '../history/conversations';
import { Icon } from '../parts/icon';
import { hrefOf } from '../route';
import { addressOf } from '../scope';
import { t } from '../text/text';

export function Sidebar() {
  return (
    <nav class="sidebar" aria-label={t('frame.conversations')}>
      <a class="brand" href={hrefOf({ screen: 'chat' })}>
        Minke
      </a>
      <a class="entry" href={hrefOf({ screen: 'chat' })}>
        <Icon of={SquarePen} />
        {t('frame.new')}
      </a>
      <ul>
        {[...conversations.value.values()].map(({ id, title }) => (
          <li key={id}>
            <a class="entry" href={hrefOf({ screen: 'chat', conversation: id })}>
              {title}
            </a>
          </li>
        ))}
      </ul>
      <a class="entry" href={addressOf('models')}>
        <Icon of={Cpu} />
        {t('frame.models')}
      </a>
      <a class="entry" href={hrefOf({ screen: 'settings' })}>
        <Icon of={Settings} />
        {t('frame.settings')}
      </a>
    </nav>
  );
}
