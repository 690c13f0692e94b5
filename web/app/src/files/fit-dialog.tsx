// Asks what to leave out where the files are too large. Nothing is cut without it.

import { useSignal } from '@preact/signals';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { percent } from '../text/format';
import { t } from '../text/text';
import { attachments, cutToFit, partsThatFit, remove, total } from './attachments';
import type { Keep } from './cut';
import { roomBeside } from './tokens';

/** With less of a file than this there is no use in it. */
const LEAST = 0.01;

export function FitDialog({ taken, onClose }: { taken: number; onClose: () => void }) {
  const keep = useSignal<Keep>('beginning');
  const cutting = useSignal(false);
  const parts = partsThatFit(taken);
  const useful = [...parts.values()].every((part) => part >= LEAST);

  const cut = async () => {
    cutting.value = true;
    await cutToFit(taken, keep.value);
    onClose();
  };
  const removeLarge = () => {
    for (const id of parts.keys()) remove(id);
    onClose();
  };

  return (
    <Dialog title={t('files.fit.title')} onClose={onClose}>
      <p>{t('files.tooLarge', { tokens: total.value.tokens, room: roomBeside(taken) ?? 0 })}</p>
      {useful ? <Choice parts={parts} keep={keep} /> : <p>{t('files.fit.noRoom')}</p>}
      <div class="file-actions">
        {useful && (
          <Button look="main" disabled={cutting.value} onClick={() => void cut()}>
            {cutLabel(parts, keep.value)}
          </Button>
        )}
        <Button look="danger" disabled={cutting.value} onClick={removeLarge}>
          {t('files.fit.remove', { count: parts.size })}
        </Button>
        <Button look="plain" onClick={onClose}>
          {t('cancel')}
        </Button>
      </div>
    </Dialog>
  );
}

function cutLabel(parts: ReadonlyMap<number, number>, keep: Keep): string {
  const [part] = parts.values();
  if (parts.size !== 1 || part === undefined || keep === 'both ends') return t('files.fit.cut');
  return t('files.fit.keepFirst', { part: percent(part) });
}

/** From where, and what stays of each file. */
function Choice({ parts, keep }: { parts: ReadonlyMap<number, number>; keep: { value: Keep } }) {
  const option = (value: Keep, label: string) => (
    <label class="file-option">
      <input type="radio" name="keep" checked={keep.value === value} onChange={() => (keep.value = value)} />
      {label}
    </label>
  );
  return (
    <>
      <fieldset class="file-options">
        <legend>{t('files.fit.which')}</legend>
        {option('beginning', t('files.fit.beginning'))}
        {option('both ends', t('files.fit.ends'))}
      </fieldset>
      <ul class="file-parts">
        {attachments.value.map(({ id, name }) => {
          const part = parts.get(id);
          return part === undefined ? null : (
            <li key={id}>
              <span class="file-name" dir="auto">
                {name}
              </span>
              <span class="soft">{t('files.kept', { part: percent(part) })}</span>
            </li>
          );
        })}
      </ul>
    </>
  );
}
