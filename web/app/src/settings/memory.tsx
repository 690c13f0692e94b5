// What a model is loaded with: how long its context is and how it is kept, each with what it costs in memory.

import { useEffect } from 'preact/hooks';
import { answerer, kept, load, loading, lookAtKept, wholeModels } from '../model/model';
import { nameOf } from '../model/names';
import { Button } from '../parts/button';
import { addressOf } from '../scope';
import { bytes } from '../text/format';
import { t } from '../text/text';
import { Choices } from './controls';
import { costs, findCosts, KV_CHOICES, type KvChoice, sameKv } from './costs';
import { changeLoadSettings, loadedWith, loadSettings } from './settings';

const LENGTHS = [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];

/** The model that costs are told of: the loaded one, or else the first that is kept. */
function example(): { id: string; name: string } | undefined {
  const now = answerer.value;
  if (now?.where === 'device' && now.id !== null) return { id: now.id, name: now.name };
  const first = wholeModels.value?.[0];
  return first && { id: first.id, name: nameOf(first.url) };
}

export function MemoryFields() {
  const model = example();
  useEffect(() => void (kept.value ?? lookAtKept()), []);
  useEffect(() => {
    if (model) void findCosts(model.id);
  }, [model?.id]);
  return (
    <>
      <p class="soft" role="status">
        {costsOf(model)}
      </p>
      <LengthChoices />
      <KvChoices />
      <Again />
    </>
  );
}

function costsOf(model: { name: string } | undefined) {
  if (!model && kept.value)
    return (
      <>
        {t('settings.memory.noModel')} <a href={addressOf('models')}>{t('settings.memory.models')}</a>
      </>
    );
  if (costs.value?.problem) return t('settings.memory.problem', { problem: costs.value.problem });
  return model ? t('settings.memory.of', { model: model.name }) : '';
}

/** Which of the ways of keeping a context is chosen; undefined: one that is not offered. */
const chosenKv = () =>
  (Object.keys(KV_CHOICES) as KvChoice[]).find((choice) => sameKv(KV_CHOICES[choice], loadSettings.value.kv));

function LengthChoices() {
  const cost = costs.value?.known[chosenKv() ?? 'exact'];
  const known = cost === 'refused' ? undefined : cost;
  const size = (positions: number) => known && bytes(known.bytesPerPosition * positions);
  const most = known ? size(known.trained) : undefined;
  return (
    <Choices
      label={t('settings.nCtx')}
      about={t('settings.nCtx.about')}
      choices={[
        {
          value: null,
          label: t('settings.nCtx.most'),
          about: t('settings.nCtx.most.about'),
          aside: most && t('settings.upTo', { size: most }),
        },
        ...LENGTHS.filter((length) => length <= (known?.trained ?? Infinity)).map((length) => ({
          value: length,
          label: t('settings.tokens', { count: length }),
          about: known && length > known.largest ? t('settings.nCtx.tooMuch') : undefined,
          aside: size(length),
        })),
      ]}
      value={loadSettings.value.nCtx}
      onChange={(nCtx) => changeLoadSettings({ nCtx })}
    />
  );
}

function KvChoices() {
  return (
    <Choices
      label={t('settings.kv')}
      about={t('settings.kv.about')}
      choices={(Object.keys(KV_CHOICES) as KvChoice[]).map((choice) => {
        const cost = costs.value?.known[choice];
        const refused = cost === 'refused';
        const size = cost && !refused && bytes(cost.bytesPerPosition * 1000);
        return {
          value: choice,
          label: t(`settings.kv.${choice}`),
          about: t(refused ? 'settings.kv.refused' : `settings.kv.${choice}.about`),
          aside: size ? t('settings.perThousand', { size }) : undefined,
          disabled: refused && chosenKv() !== choice,
        };
      })}
      value={chosenKv()}
      onChange={(choice) => changeLoadSettings({ kv: KV_CHOICES[choice] })}
    />
  );
}

/** Where the loaded model has other values than those that are chosen now. */
function Again() {
  const now = answerer.value;
  if (loading.value) return <p class="note">{t('settings.memory.loading', { model: loading.value.name })}</p>;
  if (now?.where !== 'device') return null;
  const { nCtx, kv } = loadedWith.value;
  if (nCtx === loadSettings.value.nCtx && sameKv(kv, loadSettings.value.kv)) return null;
  const { id, name } = now;
  return (
    <div class="note warn again">
      <p>{t(id === null ? 'settings.memory.againFile' : 'settings.memory.again', { model: name })}</p>
      {id !== null && (
        <Button look="main" onClick={() => void load(name, { id })}>
          {t('settings.memory.loadAgain')}
        </Button>
      )}
    </div>
  );
}
