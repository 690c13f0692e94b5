// As long as a server answers, every screen says so.

import { Globe } from 'lucide';
import { answerer } from '../model/model';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { t } from '../text/text';
import './banner.css';
import { hostOf } from './host';

export function ServerBanner() {
  const now = answerer.value;
  if (now?.where !== 'server') return null;
  const disconnect = async () => (await import('./connection')).disconnect();
  return (
    <section class="server-banner" aria-label={t('server.banner.label')}>
      <Icon of={Globe} />
      <p>{t('server.banner', { host: hostOf(now.address) })}</p>
      <Button onClick={() => void disconnect()}>{t('server.disconnect')}</Button>
    </section>
  );
}
