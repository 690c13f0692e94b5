// The document of models, from its header down.

import { ArrowLeft } from 'lucide';
import { useEffect } from 'preact/hooks';
import { kept, lookAtKept } from '../model/model';
import { Brand } from '../parts/brand';
import { Icon } from '../parts/icon';
import { addressOf } from '../scope';
import { t } from '../text/text';
import { CheckCard } from '../welcome/check';
import { Benchmark } from './benchmark-view';
import { Doors, importFiles } from './doors';
import { CONTEXTS, chooseContext, nCtx } from './fit';
import { takePending } from './reach';
import { Room } from './room';
import { ModelRow } from './row';
import { rows } from './rows';
import { begin } from './work';
import './models.css';

export function ModelsPage() {
  useEffect(() => {
    document.title = `${t('models.title')} · Minke`;
    void lookAtKept();
    document.addEventListener('visibilitychange', lookAgain);
    takePending().forEach(({ url, name }) => void begin({ kind: 'download', url, name, model: url }));
    return () => document.removeEventListener('visibilitychange', lookAgain);
  }, []);
  return (
    <div class="models" onDragOver={allowDrop} onDrop={drop}>
      <header class="top models-top">
        <Brand />
        <a class="button plain" href={addressOf('chat')}>
          <Icon of={ArrowLeft} />
          <span>{t('models.back')}</span>
        </a>
      </header>
      <main class="column">
        <div class="title">
          <h1>{t('models.title')}</h1>
          <p class="soft">{t('models.lead')}</p>
        </div>
        <CheckCard />
        <List />
        <Doors />
        <Room />
        <Benchmark />
      </main>
    </div>
  );
}

function List() {
  return (
    <section class="models-section" aria-labelledby="models-list">
      <div class="models-head">
        <h2 id="models-list">{t('models.list')}</h2>
        <label class="models-context">
          <span class="soft">{t('models.context')}</span>
          <select value={nCtx.value} onChange={({ currentTarget }) => chooseContext(Number(currentTarget.value))}>
            {CONTEXTS.map((size) => (
              <option key={size} value={size}>
                {t('models.tokens', { count: size })}
              </option>
            ))}
          </select>
        </label>
      </div>
      {kept.value === undefined && <p class="soft">{t('models.lookingAtKept')}</p>}
      <ul class="models-list">
        {rows.value.map((row) => (
          <ModelRow key={row.url} row={row} />
        ))}
      </ul>
    </section>
  );
}

/** Other tabs may have downloaded or deleted something. */
const lookAgain = () => {
  if (document.visibilityState === 'visible') void lookAtKept();
};

/** Files can be dropped anywhere. */
function allowDrop(event: DragEvent) {
  if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
}

function drop(event: DragEvent) {
  event.preventDefault();
  importFiles([...(event.dataTransfer?.files ?? [])]);
}
