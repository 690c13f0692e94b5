import { t } from '../text/text';
import { say } from './toast';

/** Puts a text on the clipboard, if the browser lets the page; resolves to whether it did. */
export async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // pages that are not secure have no clipboard at all
  }
}

/** The same, and says what came of it. */
export async function copy(text: string, done = t('copied'), failed = t('chat.cannotCopy')): Promise<void> {
  say((await toClipboard(text)) ? done : failed);
}
