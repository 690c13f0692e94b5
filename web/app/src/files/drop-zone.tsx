import { useSignal } from '@preact/signals';
import { FileDown } from 'lucide';
import { useEffect } from 'preact/hooks';
import { Icon } from '../parts/icon';
import { t } from '../text/text';
import { attach } from './attachments';
import './files.css';

const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false;

/** Takes files that are dropped anywhere on the page, and shows so while they are dragged over it. */
export function DropZone() {
  const over = useSignal(false);
  useEffect(() => {
    const enter = (event: DragEvent) => {
      if (hasFiles(event)) over.value = true;
    };
    const allow = (event: DragEvent) => hasFiles(event) && event.preventDefault();
    const drop = (event: DragEvent) => {
      over.value = false;
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      void attach(event.dataTransfer.files);
    };
    const ended = new AbortController();
    const { signal } = ended;
    addEventListener('dragenter', enter, { signal });
    addEventListener('dragover', allow, { signal });
    addEventListener('drop', drop, { signal });
    return () => ended.abort();
  }, [over]);

  if (!over.value) return null;
  // it covers the page, so what leaves it leaves the page
  return (
    <div class="drop-zone" onDragLeave={() => (over.value = false)}>
      <div>
        <Icon of={FileDown} size={32} />
        <p>{t('files.drop')}</p>
      </div>
    </div>
  );
}
