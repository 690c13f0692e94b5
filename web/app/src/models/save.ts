// A kept model, saved as the files that it came as.

import { exportModel } from 'minke';
import { saveFile } from '../parts/save-file';
import { say } from '../parts/toast';
import { messageOf, t } from '../text/text';

export async function saveModel(id: string): Promise<void> {
  try {
    for (const file of await exportModel(id)) saveFile(file, file.name);
  } catch (error) {
    say(t('models.exportFailed', { problem: messageOf(error) }));
  }
}
