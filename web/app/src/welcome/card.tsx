import { addressOf } from '../scope';
import { t } from '../text/text';

/** What the chat shows while this browser keeps no model. */
export function WelcomeCard() {
  return (
    <section class="card">
      <h2>{t('welcome.title')}</h2>
      <a class="button main" href={addressOf('models')}>
        {t('model.get')}
      </a>
    </section>
  );
}
