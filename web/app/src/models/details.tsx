// All that is known of a model of the list, and whether it fits, on demand.

import { Gauge } from 'lucide';
import type { KeptModel, ModelPlan } from 'minke';
import { Button } from '../parts/button';
import { bytes, day, moment } from '../text/format';
import { t } from '../text/text';
import { Facts } from '../welcome/check';
import { canCheck, checkFit, fits, reasonOf, smallerOf } from './fit';
import type { Row } from './rows';
import { lastUsed } from './used';

export function Details({ row }: { row: Row }) {
  return (
    <details class="model-details">
      <summary>
        {t('models.details')}
        <span class="hidden"> ({row.name})</span>
      </summary>
      <Facts of={factsOf(row)} />
      <FitView row={row} />
    </details>
  );
}

function factsOf({ url, listed, kept }: Row): [string, string][] {
  const hashes = kept?.files.flatMap(({ sha256 }) => sha256 ?? []) ?? [];
  const facts: [string, string | undefined][] = [
    [t('models.fact.licence'), listed?.licence],
    [t('models.fact.origin'), listed?.origin],
    [t('models.fact.address'), url.startsWith('file:') ? t('models.fact.fromFile') : url],
    [t('models.fact.hash'), hashes.join(' ') || (kept ? undefined : t('models.fact.hashLater'))],
    [t('models.fact.size'), kept ? bytes(kept.keptBytes) : undefined],
    [t('models.fact.verified'), kept?.verifiedOn ? moment(kept.verifiedOn) : undefined],
    [t('models.fact.used'), kept?.complete ? usedWords(kept) : undefined],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

function usedWords({ id }: KeptModel): string {
  const time = lastUsed()[id];
  return time === undefined ? t('models.neverUsed') : day(time);
}

function FitView({ row }: { row: Row }) {
  const fit = fits.value.get(row.url);
  if (fit?.state === 'known') {
    const smaller = smallerOf(fit.plan);
    return (
      <div class="fit" role="status">
        <p>{reasonOf(fit.plan)}</p>
        {smaller && <p>{t('models.fit.smaller', { name: smaller })}</p>}
        <Facts of={memoryOf(fit.plan)} />
      </div>
    );
  }
  return (
    <div class="fit" role="status">
      {fit?.state === 'failed' && <p class="note bad">{fit.problem.words}</p>}
      {canCheck(row) && (
        <div>
          <Button icon={Gauge} disabled={fit?.state === 'looking'} onClick={() => void checkFit(row)}>
            {t(fit?.state === 'looking' ? 'models.fit.looking' : 'models.fit.check')}
          </Button>
        </div>
      )}
      <p class="soft small">{t('models.fit.how')}</p>
    </div>
  );
}

function memoryOf({ memory, largestCtx }: ModelPlan): [string, string][] {
  const facts: [string, string][] = [
    [t('models.fact.weights'), bytes(memory.weights)],
    [t('models.fact.cache'), bytes(memory.kv_cache)],
    [t('models.fact.scratch'), bytes(memory.activations)],
  ];
  if (largestCtx > 0) facts.push([t('models.fact.largest'), t('models.tokens', { count: largestCtx })]);
  return facts;
}
