// A kept model, saved as the files that it came as.

import { exportModel } from 'minke';
import { say } from '../parts/toast';
import { t } from '../text/text';

export async function saveFiles(id: string): Promise<void> {
  try {
    (await exportModel(id)).forEach(save);
  } catch (error) {
    say(t('models.exportFailed', { problem: error instanceof Error ? error.message : String(error) }));
  }
}

function save(file: File): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser has begun to read it by then
}
