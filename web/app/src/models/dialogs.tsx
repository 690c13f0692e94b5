// What is asked before something is done with a model.

import { useSignal } from '@preact/signals';
import { deleteModel, EngineError, type KeptModel } from 'minke';
import { lookAtKept } from '../model/model';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { say } from '../parts/toast';
import { bytes } from '../text/format';
import { t } from '../text/text';
import { lookAtDevice } from '../welcome/device';
import { problemOf } from './problem';
import { dismiss } from './work';

export function DeleteDialog({ kept, name, onClose }: { kept: KeptModel; name: string; onClose: () => void }) {
  const failed = useSignal<string | undefined>(undefined);
  const remove = async () => {
    try {
      await deleteModel(kept.id);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'not_kept') {
        failed.value = problemOf(error, kept.url).words;
        return;
      }
    }
    dismiss(kept.url);
    onClose();
    say(t('models.deleted', { name }));
    await lookAtKept();
    await lookAtDevice();
  };
  return (
    <Dialog title={t('models.deleteTitle', { name })} onClose={onClose}>
      <p>{t('models.deleteWords', { size: bytes(kept.keptBytes) })}</p>
      {failed.value && (
        <p class="note bad" role="alert">
          {failed.value}
        </p>
      )}
      <div class="ways">
        <Button onClick={onClose}>{t('cancel')}</Button>
        <Button look="danger" onClick={() => void remove()}>
          {t('delete')}
        </Button>
      </div>
    </Dialog>
  );
}

/** Before a download that may not find room. It is only asked: what browsers tell of their room is a guess. */
export function RoomDialog(props: {
  name: string;
  size: number;
  free: number;
  onClose: () => void;
  onAnyway: () => void;
}) {
  const { name, size, free, onClose, onAnyway } = props;
  const anyway = () => {
    onClose();
    onAnyway();
  };
  return (
    <Dialog title={t('models.roomTitle')} onClose={onClose}>
      <p>{t('models.roomWords', { name, size: bytes(size), free: bytes(free) })}</p>
      <div class="ways">
        <Button onClick={onClose}>{t('cancel')}</Button>
        <Button look="main" onClick={anyway}>
          {t('models.anyway')}
        </Button>
      </div>
    </Dialog>
  );
}
