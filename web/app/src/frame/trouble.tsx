import { useSignal } from '@preact/signals';
import { X } from 'lucide';
import { trouble, type Trouble } from '../history/database';
import { Button, IconButton } from '../parts/button';
import { t, type TextKey } from '../text/text';

const WORDS: Record<Trouble, TextKey> = {
  unavailable: 'history.unavailable',
  newer: 'history.newer',
  older: 'history.older',
  full: 'history.full',
  failed: 'history.failed',
};

/** Says that conversations are not kept, and why, until it is read. */
export function TroubleNote() {
  const read = useSignal<Trouble | undefined>(undefined);
  const now = trouble.value;
  const shown = now !== read.value ? now : undefined;
  return (
    <div role="status">
      {shown && (
        <div class="note warn history-trouble">
          <p>{t(WORDS[shown])}</p>
          {(shown === 'newer' || shown === 'older') && (
            <Button onClick={() => location.reload()}>{t('frame.reload')}</Button>
          )}
          <IconButton icon={X} label={t('close')} onClick={() => (read.value = shown)} />
        </div>
      )}
    </div>
  );
}
