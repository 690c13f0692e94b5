// What the chat shows while this browser keeps no model: whether one would run here, and the ways to get one.

import { Download, FileUp, Globe } from 'lucide';
import { useRef } from 'preact/hooks';
import { load } from '../model/model';
import { nameOf } from '../model/names';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { addressOf } from '../scope';
import { bytes } from '../text/format';
import { t } from '../text/text';
import { CheckCard } from './check';
import { device, suggestedFor } from './device';

export function WelcomeCard() {
  const input = useRef<HTMLInputElement>(null);
  const open = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    const files = [...(currentTarget.files ?? [])];
    if (files[0]) void load(nameOf(files[0].name), files);
  };
  return (
    <div class="welcome">
      <header>
        <h1>{t('welcome.title')}</h1>
        <p class="soft">{t('welcome.lead')}</p>
      </header>
      <CheckCard />
      <Suggestion />
      <div class="welcome-ways">
        <Button icon={FileUp} look="plain" onClick={() => input.current?.click()}>
          {t('welcome.open')}
        </Button>
        <input ref={input} type="file" accept=".gguf" multiple hidden onChange={open} aria-label={t('welcome.open')} />
        <a class="button plain" href={addressOf('server')}>
          <Icon of={Globe} />
          <span>{t('welcome.server')}</span>
        </a>
      </div>
    </div>
  );
}

/** The model to begin with; the page of models is where downloads happen. */
function Suggestion() {
  if (device.value === undefined) return null;
  const { id, name, bytes: size } = suggestedFor(device.value);
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
