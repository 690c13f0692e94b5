// What stands above the composer: how far the model is, and what went wrong with it.

import { loadAgain, loadError, loading } from '../model/model';
import { share } from '../model/progress';
import { Button } from '../parts/button';
import { ProgressBar } from '../parts/progress';
import { addressOf } from '../scope';
import { percent } from '../text/format';
import { t } from '../text/text';

export function LoadingLine() {
  if (!loading.value) return null;
  const { name, progress, cancel } = loading.value;
  const part = share(progress);
  const label = t('model.loading', { name });
  return (
    <div class="loading-line">
      <span class="soft">
        {label} {part !== null && percent(part)}
      </span>
      <Button look="plain" onClick={cancel}>
        {t('cancel')}
      </Button>
      <ProgressBar label={label} part={part} />
    </div>
  );
}

export function LoadError() {
  if (loadError.value === undefined) return null;
  return (
    <div class="note bad" role="alert">
      <p>{t('model.failed', { error: loadError.value })}</p>
      <p class="note-ways">
        <Button onClick={() => void loadAgain()}>{t('chat.again')}</Button>
        <a href={addressOf('models')}>{t('model.other')}</a>
      </p>
    </div>
  );
}
