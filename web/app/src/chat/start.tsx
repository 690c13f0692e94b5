// What is there before anything is said.

import type { KeptModel } from 'minke';
import { answerer, hasGpu, kept, loadKept, loading } from '../model/model';
import { nameOf } from '../model/names';
import { addressOf, scope } from '../scope';
import { bytes } from '../text/format';
import { t, type TextKey } from '../text/text';
import { WelcomeCard } from '../welcome/screen';
import { send } from './actions';

const EXAMPLES: readonly TextKey[] = [
  'chat.example.maths',
  'chat.example.logic',
  'chat.example.code',
  'chat.example.why',
];

export function Start() {
  const whole = kept.value?.filter(({ complete }) => complete);
  if (scope === 'chat' && !hasGpu) return <NoGpu />;
  if (answerer.value || loading.value) return <Greeting />;
  if (!whole) return <div class="start" />;
  if (whole.length === 0)
    return (
      <div class="start">
        <WelcomeCard />
      </div>
    );
  return <Choice models={whole} />;
}

function Greeting() {
  return (
    <div class="start">
      <p class="greeting">{t('chat.greeting')}</p>
      <ul class="examples" aria-label={t('chat.examples')}>
        {EXAMPLES.map((key) => (
          <li key={key}>
            <button type="button" class="example" onClick={() => send(t(key), [])}>
              {t(key)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Which of the kept models is to answer. */
function Choice({ models }: { models: readonly KeptModel[] }) {
  return (
    <div class="start">
      <p class="greeting">{t('chat.whichModel')}</p>
      <ul class="examples">
        {models.map((model) => (
          <li key={model.id}>
            <button type="button" class="example" onClick={() => void loadKept(model)}>
              <strong>{nameOf(model.url)}</strong>
              {model.bytes !== null && <span class="soft">{bytes(model.bytes)}</span>}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function NoGpu() {
  return (
    <div class="start">
      <section class="card no-gpu">
        <h2>{t('model.noGpu')}</h2>
        <p>{t('model.noGpuWhy')}</p>
        <a class="button" href={addressOf('server')}>
          {t('server.title')}
        </a>
      </section>
    </div>
  );
}
