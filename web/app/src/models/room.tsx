// How much of this browser's room is used, and by which models.

import { Trash2 } from 'lucide';
import { useSignal } from '@preact/signals';
import type { KeptModel } from 'minke';
import { kept } from '../model/model';
import { nameOf } from '../model/names';
import { IconButton } from '../parts/button';
import { bytes, percent } from '../text/format';
import { t } from '../text/text';
import { device, freeOf } from '../welcome/device';
import { DeleteDialog } from './dialogs';

export function Room() {
  const asking = useSignal<KeptModel | undefined>(undefined);
  if (!device.value || !kept.value) return null;
  const { room } = device.value;
  const largestFirst = kept.value.toSorted((a, b) => b.keptBytes - a.keptBytes);
  const models = largestFirst.reduce((sum, { keptBytes }) => sum + keptBytes, 0);
  const free = freeOf(room);
  const part = room.quota ? Math.min(1, Math.max(room.usage ?? 0, models) / room.quota) : null;
  return (
    <section id="door-room" class="models-section" aria-labelledby="models-room">
      <h2 id="models-room">{t('models.room')}</h2>
      <div class="card room">
        {part !== null && (
          <div class="meter" role="img" aria-label={t('models.roomPart', { part: percent(part) })}>
            <div style={{ inlineSize: `${100 * part}%` }} />
          </div>
        )}
        <p>
          {t(models > 0 ? 'models.roomModels' : 'models.roomNone', { models: bytes(models) })}{' '}
          {free === null ? t('models.roomUnknown') : t('models.roomLeft', { free: bytes(free) })}
        </p>
        {largestFirst.length > 0 && (
          <ul>
            {largestFirst.map((model) => (
              <li key={model.id}>
                <span dir="auto">{nameOf(model.url)}</span>
                <span class="soft">{bytes(model.keptBytes)}</span>
                <IconButton
                  icon={Trash2}
                  label={t('models.deleteNamed', { name: nameOf(model.url) })}
                  onClick={() => (asking.value = model)}
                />
              </li>
            ))}
          </ul>
        )}
        <p class="soft small">{t(room.persisted ? 'models.persisted' : 'models.notPersisted')}</p>
      </div>
      {asking.value && (
        <DeleteDialog kept={asking.value} name={nameOf(asking.value.url)} onClose={() => (asking.value = undefined)} />
      )}
    </section>
  );
}
