// Dialogs that are fetched when they are first opened; one at a time.

import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { t } from '../text/text';
import { say } from './toast';

type OpenedDialog = ComponentType<{ onClose: () => void }>;

const opened = signal<OpenedDialog | undefined>(undefined);

export async function openDialog(fetch: () => Promise<OpenedDialog>): Promise<void> {
  try {
    opened.value = await fetch();
  } catch {
    say(t('notLoaded'));
  }
}

/** The one that is open. */
export function Opened() {
  return opened.value ? <opened.value onClose={() => (opened.value = undefined)} /> : null;
}
