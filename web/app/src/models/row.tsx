// A model of the list: what it is, whether it is here, and what can be done with it.

import { Download, Ellipsis, HardDriveDownload, MessageSquare, ShieldCheck, Trash2 } from 'lucide';
import { useSignal } from '@preact/signals';
import type { KeptModel } from 'minke';
import { useEffect, useRef } from 'preact/hooks';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { Menu } from '../parts/menu';
import { addressOf } from '../scope';
import { bytes, day, percent } from '../text/format';
import { t } from '../text/text';
import { device, freeOf, suggestedFor } from '../welcome/device';
import { DeleteDialog, RoomDialog } from './dialogs';
import { Details } from './details';
import { saveModel } from './save';
import { estimate, fits, guess, nCtx } from './fit';
import type { Row } from './rows';
import { chooseModel } from './used';
import { begin, work } from './work';
import { WorkView } from './work-view';

export function ModelRow({ row }: { row: Row }) {
  const { url, name, listed, kept } = row;
  const now = work.value.get(url);
  const element = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (listed && location.hash === `#/get/${listed.id}`) show(element.current);
  }, []);
  return (
    <li ref={element} class="card model">
      <div class="model-head">
        <div class="model-what">
          <h3>
            <bdi>{name}</bdi>
          </h3>
          <p class="soft">{sizesOf(row)}</p>
          <Tags row={row} />
        </div>
        {now?.state !== 'running' && kept?.complete && <KeptWays kept={kept} name={name} />}
        {(now === undefined || now.state === 'done') && !kept?.complete && <Get row={row} />}
      </div>
      {now && <WorkView row={row} now={now} />}
      <Details row={row} />
    </li>
  );
}

/** Where the chat has sent the person for this model. */
function show(element: HTMLElement | null) {
  element?.scrollIntoView({ block: 'center' });
  element?.querySelector('button')?.focus({ preventScroll: true });
}

const sizeOf = ({ kept, listed }: Row): number | undefined => kept?.bytes ?? listed?.bytes;

function sizesOf(row: Row): string {
  const size = sizeOf(row);
  if (size === undefined) return t('models.sizeUnknown');
  const fit = fits.value.get(row.url);
  const memory =
    fit?.state === 'known'
      ? t('models.memory', { size: bytes(fit.plan.memory.total) })
      : t('models.memoryAbout', { size: bytes(estimate(size, nCtx.value)) });
  return t(row.kept?.complete ? 'models.sizesKept' : 'models.sizes', { size: bytes(size), memory });
}

const TONES = { fits: 'good', tight: 'warn', too_big: 'bad' } as const;
const WORDS = { fits: 'models.fit.fits', tight: 'models.fit.tight', too_big: 'models.fit.tooBig' } as const;
const GUESSES = {
  fits: 'models.fit.fitsProbably',
  tight: 'models.fit.tightProbably',
  too_big: 'models.fit.tooBigProbably',
} as const;

function Tags({ row }: { row: Row }) {
  const { url, listed, kept } = row;
  const fit = fits.value.get(url);
  const size = sizeOf(row);
  const guessed = device.value && size !== undefined ? guess(size, nCtx.value, device.value) : undefined;
  const suggested = listed && device.value && suggestedFor(device.value).id === listed.id;
  return (
    <p class="model-tags">
      {kept?.complete && <span class="tag good">{keptWords(kept)}</span>}
      {kept && !kept.complete && <span class="tag">{partWords(kept)}</span>}
      {suggested && !kept && <span class="tag accent">{t('models.suggested')}</span>}
      {listed && new URL(url).origin === location.origin && <span class="tag">{t('models.shipped')}</span>}
      {fit?.state === 'known' ? (
        <span class={`tag ${TONES[fit.plan.verdict]}`}>{t(WORDS[fit.plan.verdict])}</span>
      ) : (
        guessed && <span class={`tag ${TONES[guessed]}`}>{t(GUESSES[guessed])}</span>
      )}
    </p>
  );
}

const keptWords = ({ verifiedOn }: KeptModel) =>
  verifiedOn === null ? t('models.kept') : t('models.keptVerified', { day: day(verifiedOn) });

function partWords({ bytes: size, keptBytes }: KeptModel): string {
  return size
    ? t('models.part', { part: percent(keptBytes / size) })
    : t('models.partBytes', { size: bytes(keptBytes) });
}

/** Downloads it, or goes on with that. */
function Get({ row }: { row: Row }) {
  const { url, name, kept, listed } = row;
  const short = useSignal<number | undefined>(undefined);
  const download = () => void begin({ kind: 'download', url, name, model: kept ? { id: kept.id } : url });
  const ask = async () => {
    const free = device.value ? freeOf(device.value.room) : null;
    const missing = (sizeOf(row) ?? 0) - (kept?.keptBytes ?? 0);
    if (free !== null && free < missing) short.value = free;
    else download();
  };
  const suggested = listed && device.value && suggestedFor(device.value).id === listed.id;
  return (
    <div class="model-ways">
      {url.startsWith('file:') ? (
        <p class="soft small">{t('models.fileAgain')}</p>
      ) : (
        <Button icon={Download} look={suggested ? 'main' : 'normal'} onClick={() => void ask()}>
          {t(kept ? 'models.goOn' : 'models.download')}
          <span class="hidden"> {name}</span>
        </Button>
      )}
      {kept && <More kept={kept} name={name} />}
      {short.value !== undefined && (
        <RoomDialog
          name={name}
          size={(sizeOf(row) ?? 0) - (kept?.keptBytes ?? 0)}
          free={short.value}
          onClose={() => (short.value = undefined)}
          onAnyway={download}
        />
      )}
    </div>
  );
}

function KeptWays({ kept, name }: { kept: KeptModel; name: string }) {
  const fresh = work.value.get(kept.url)?.state === 'done';
  return (
    <div class="model-ways">
      <a class={`button ${fresh ? 'main' : 'normal'}`} href={addressOf('chat')} onClick={() => chooseModel(kept.id)}>
        <Icon of={MessageSquare} />
        <span>
          {t('models.chat')}
          <span class="hidden"> ({name})</span>
        </span>
      </a>
      <More kept={kept} name={name} />
    </div>
  );
}

/** What else can be done with a model that is kept. */
function More({ kept, name }: { kept: KeptModel; name: string }) {
  const asking = useSignal(false);
  const { id, url } = kept;
  const verify = () => void begin({ kind: 'verify', url, name, model: { id } });
  const whole = [
    { label: t('models.verify'), icon: ShieldCheck, action: verify },
    { label: t('models.export'), icon: HardDriveDownload, action: () => void saveModel(id) },
  ];
  const remove = { label: t('models.delete'), icon: Trash2, danger: true, action: () => (asking.value = true) };
  return (
    <>
      <Menu
        label={t('models.more', { name })}
        button={<Icon of={Ellipsis} />}
        items={[...(kept.complete ? whole : []), remove]}
      />
      {asking.value && <DeleteDialog kept={kept} name={name} onClose={() => (asking.value = false)} />}
    </>
  );
}
