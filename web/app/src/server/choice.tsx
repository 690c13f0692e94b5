// Which of a server's models answers.

import { useEffect, useRef, useState } from 'preact/hooks';
import { Button } from '../parts/button';
import { t } from '../text/text';
import { state, use } from './connection';
import type { Entry } from './entry';
import { hostOf } from './host';

export function ModelChoice({ entry, models }: { entry: Entry; models: readonly string[] }) {
  const [chosen, setChosen] = useState(models[0] ?? '');
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector('input')?.focus(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    void use(entry, chosen);
  };
  return (
    <form ref={form} class="entry-form" onSubmit={submit}>
      <fieldset class="served">
        <legend>{t('server.models', { host: hostOf(entry.address), count: models.length })}</legend>
        <p class="soft">{t('server.models.about')}</p>
        <div class="served-models">
          {models.map((model) => (
            <label key={model}>
              <input type="radio" name="model" checked={model === chosen} onChange={() => setChosen(model)} />
              <bdi dir="ltr">{model}</bdi>
            </label>
          ))}
        </div>
      </fieldset>
      <div class="served-actions">
        <Button type="submit" look="main">
          {t('server.models.use')}
        </Button>
        <Button onClick={() => (state.value = { at: 'start' })}>{t('server.models.other')}</Button>
      </div>
    </form>
  );
}
