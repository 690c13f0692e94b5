import { useSignal } from '@preact/signals';
import { FileDown, FileUp } from 'lucide';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { useFilePicker } from '../parts/file-picker';
import { t } from '../text/text';
import { conversations } from './conversations';
import { exportAll, importFile } from './exchange';
import './exchange.css';
import { ImportError } from './import';

/** What came of an import, or why nothing did. */
interface Outcome {
  look: 'good' | 'bad';
  lines: string[];
}

export function ExchangeDialog({ onClose }: { onClose: () => void }) {
  const busy = useSignal(false);
  const outcome = useSignal<Outcome | undefined>(undefined);
  const count = conversations.value.size;
  const doing = async (what: () => Promise<Outcome | undefined>) => {
    busy.value = true;
    outcome.value = await what();
    busy.value = false;
  };
  const [choose, input] = useFilePicker(t('history.choose'), ([file]) => void doing(() => outcomeOf(file)), {
    accept: '.json,application/json',
    multiple: false,
  });
  return (
    <Dialog title={t('history.exchange')} onClose={onClose}>
      <section class="exchange">
        <h3>{t('history.export')}</h3>
        <p class="soft">{t('history.exportAbout')}</p>
        <Button
          icon={FileDown}
          disabled={busy.value || count === 0}
          onClick={() => void doing(() => exportAll().then(() => undefined))}
        >
          {t('history.exportAll', { count })}
        </Button>
      </section>
      <section class="exchange">
        <h3>{t('history.import')}</h3>
        <p class="soft">{t('history.importAbout')}</p>
        <Button icon={FileUp} disabled={busy.value} onClick={choose}>
          {t('history.choose')}
        </Button>
        {input}
        <div role="status">
          {outcome.value && (
            <div class={`note ${outcome.value.look}`}>
              {outcome.value.lines.map((line) => (
                <p key={line}>{line}</p>
              ))}
            </div>
          )}
        </div>
      </section>
    </Dialog>
  );
}

async function outcomeOf(file: File): Promise<Outcome> {
  try {
    const { added, replaced, kept } = await importFile(file);
    const lines = [t('history.added', { count: added })];
    if (replaced > 0) lines.push(t('history.replaced', { count: replaced }));
    if (kept > 0) lines.push(t('history.kept', { count: kept }));
    return { look: 'good', lines };
  } catch (error) {
    const why = error instanceof ImportError ? error.message : t('history.import.failed');
    return { look: 'bad', lines: [why, t('history.import.nothing')] };
  }
}
