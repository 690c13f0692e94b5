// The files of a message, shown: of the one that is being written, and of those that were sent.

import { useSignal } from '@preact/signals';
import { File as FileIcon, Paperclip, Scissors, TextCursorInput, X } from 'lucide';
import type { AttachedFile } from '../history/types';
import { Button, IconButton } from '../parts/button';
import { useFilePicker } from '../parts/file-picker';
import { Icon } from '../parts/icon';
import { bytes, percent } from '../text/format';
import { t } from '../text/text';
import { attach, type Attachment, attachments, intoMessage, problems, remove, tooLarge, total } from './attachments';
import './files.css';
import { FitDialog } from './fit-dialog';
import { PreviewDialog } from './preview-dialog';
import { type Cost, roomBeside } from './tokens';

/** Opens the system's dialog for files. */
export function AttachButton() {
  const [open, input] = useFilePicker(t('files.attach'), (files) => void attach(files));
  return (
    <>
      <IconButton icon={Paperclip} label={t('files.attach')} onClick={open} />
      {input}
    </>
  );
}

/** What is added to the message that is being written. `taken`: tokens that the conversation takes of the context without it. */
export function Attachments({ taken }: { taken: number }) {
  const previewed = useSignal<AttachedFile | undefined>(undefined);
  const fitting = useSignal(false);
  if (attachments.value.length + problems.value.length === 0) return null;
  return (
    <div class="attachments">
      {problems.value.map(({ id, text }) => (
        <div key={id} class="note bad file-problem" role="alert">
          <span dir="auto">{text}</span>
          <IconButton icon={X} label={t('files.dismiss')} onClick={() => remove(id)} />
        </div>
      ))}
      <ul class="file-chips" aria-label={t('files.added')}>
        {attachments.value.map((attachment) => (
          <li key={attachment.id}>
            <Chip attachment={attachment} onOpen={(file) => (previewed.value = file)} />
          </li>
        ))}
      </ul>
      <Total taken={taken} onFit={() => (fitting.value = true)} />
      {previewed.value && <PreviewDialog file={previewed.value} onClose={() => (previewed.value = undefined)} />}
      {fitting.value && <FitDialog taken={taken} onClose={() => (fitting.value = false)} />}
    </div>
  );
}

function Chip({ attachment, onOpen }: { attachment: Attachment; onOpen: (file: AttachedFile) => void }) {
  const { id, name, file, whole, cost, field } = attachment;
  const facts = cost ? [bytes(attachment.bytes), costText(cost)].join(' · ') : t('files.reading');
  return (
    <div class="file-chip" aria-busy={cost === undefined}>
      <button type="button" disabled={!file} aria-haspopup="dialog" onClick={() => file && onOpen(file)}>
        <Icon of={FileIcon} />
        <span class="file-name" dir="auto">
          {name}
        </span>
        <span class="soft">{facts}</span>
        {file?.cut && whole && (
          <span class="tag warn">{t('files.kept', { part: percent(file.text.length / whole.text.length) })}</span>
        )}
      </button>
      {field?.isConnected && whole && (
        <IconButton icon={TextCursorInput} label={t('files.intoMessage')} onClick={() => intoMessage(attachment)} />
      )}
      <IconButton icon={X} label={t('files.remove', { name })} onClick={() => remove(id)} />
    </div>
  );
}

const costText = ({ tokens, exact }: Cost): string => t(exact ? 'files.tokens' : 'files.about', { count: tokens });

/** What they take of what is left, and what to do where that is too much. */
function Total({ taken, onFit }: { taken: number; onFit: () => void }) {
  const room = roomBeside(taken);
  if (attachments.value.length === 0 || room === undefined) return null;
  if (!tooLarge(taken)) {
    return <p class="soft file-total">{t('files.total', { tokens: total.value.tokens, room })}</p>;
  }
  return (
    <div class="note warn file-total" role="status">
      <span>{t('files.tooLarge', { tokens: total.value.tokens, room })}</span>
      <Button icon={Scissors} aria-haspopup="dialog" onClick={onFit}>
        {t('files.fit')}
      </Button>
    </div>
  );
}

/** The files of a message that was sent. */
export function FileChips({ files }: { files: readonly AttachedFile[] }) {
  const previewed = useSignal<AttachedFile | undefined>(undefined);
  if (files.length === 0) return null;
  return (
    <>
      <ul class="file-chips" aria-label={t('files.sent')}>
        {files.map((file, at) => (
          <li key={at} class="file-chip">
            <button type="button" aria-haspopup="dialog" onClick={() => (previewed.value = file)}>
              <Icon of={FileIcon} />
              <span class="file-name" dir="auto">
                {file.name}
              </span>
              {file.cut && <span class="tag warn">{t('files.cut')}</span>}
            </button>
          </li>
        ))}
      </ul>
      {previewed.value && <PreviewDialog file={previewed.value} onClose={() => (previewed.value = undefined)} />}
    </>
  );
}
