import { say } from '../parts/toast';
import { t } from '../text/text';

/** Puts a text on the clipboard, and says so. */
export function copy(text: string): void {
  const write = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject(new Error());
  void write.then(
    () => say(t('copied')),
    () => say(t('chat.cannotCopy')),
  );
}
