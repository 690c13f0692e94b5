// What is there before anything is said.

import type { KeptModel } from 'minke';
import { answerer, hasGpu, loadKept, loading, wholeModels } from '../model/model';
import { nameOf } from '../model/names';
import { scope } from '../scope';
import { bytes } from '../text/format';
import { t, type TextKey } from '../text/text';
import { WelcomeCard } from '../welcome/lazy';
import { send } from './actions';

const EXAMPLES: readonly TextKey[] = [
  'chat.example.maths',
  'chat.example.logic',
  'chat.example.code',
  'chat.example.why',
];

export function Start() {
  const whole = wholeModels.value;
  const runs = scope === 'server' || hasGpu;
  if (runs && (answerer.value || loading.value)) return <Greeting />;
  if (runs && whole && whole.length > 0) return <Choice models={whole} />;
  return <div class="start">{(whole || !runs) && <WelcomeCard />}</div>;
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
