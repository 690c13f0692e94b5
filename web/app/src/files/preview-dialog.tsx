import type { AttachedFile } from '../history/types';
import { Dialog } from '../parts/dialog';
import { t } from '../text/text';

/** Most characters that are shown: a page with more is slow to lay out. */
const SHOWN = 200_000;

/** What the model is given of a file. */
export function PreviewDialog({ file, onClose }: { file: AttachedFile; onClose: () => void }) {
  const { name, text, cut } = file;
  return (
    <Dialog title={name} onClose={onClose} wide>
      {cut && <p class="note warn">{t('files.cutNote')}</p>}
      {text.length > SHOWN && <p class="note">{t('files.beginning', { count: SHOWN })}</p>}
      <pre class="file-text" dir="auto" tabIndex={0} role="region" aria-label={name}>
        {text.slice(0, SHOWN)}
      </pre>
    </Dialog>
  );
}
