// What the chat shows while this browser keeps no model: whether one would run here, and the ways to get one.

import { Download, FileUp, Globe } from 'lucide';
import { loadFiles } from '../model/model';
import { Button } from '../parts/button';
import { MODEL_FILES, useFilePicker } from '../parts/file-picker';
import { Icon } from '../parts/icon';
import { addressOf } from '../scope';
import { bytes } from '../text/format';
import { t } from '../text/text';
import { CheckCard } from './check';
import { device, type Device, suggestedFor } from './device';

export function WelcomeCard() {
  const [open, input] = useFilePicker(t('welcome.open'), loadFiles, MODEL_FILES);
  const canRun = device.value?.gpu === 'ready';
  return (
    <div class="welcome">
      <header>
        <h1>{t('welcome.title')}</h1>
        <p class="soft">{t('welcome.lead')}</p>
      </header>
      <CheckCard />
      {device.value && canRun && <Suggestion on={device.value} />}
      <div class="welcome-ways">
        {canRun && (
          <Button icon={FileUp} look="plain" onClick={open}>
            {t('welcome.open')}
          </Button>
        )}
        {input}
        <a class={canRun ? 'button plain' : 'button main'} href={addressOf('server')}>
          <Icon of={Globe} />
          <span>{t('welcome.server')}</span>
        </a>
      </div>
    </div>
  );
}

/** The model to begin with; the page of models is where downloads happen. */
function Suggestion({ on }: { on: Device }) {
  const { id, name, bytes: size } = suggestedFor(on);
  return (
    <section class="card suggestion">
      <div>
        <p class="soft">{t('welcome.suggested')}</p>
        <p class="suggestion-name">{name}</p>
        {size !== undefined && <p class="soft">{t('welcome.once', { size: bytes(size) })}</p>}
      </div>
      <div class="suggestion-ways">
        <a class="button main" href={addressOf('models', `/get/${id}`)}>
          <Icon of={Download} />
          <span>{t('welcome.get')}</span>
        </a>
        <a class="button plain" href={addressOf('models')}>
          {t('welcome.all')}
        </a>
      </div>
    </section>
  );
}
