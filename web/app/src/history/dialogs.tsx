// The dialogs of the history, which are loaded when they are first opened.

import { signal } from '@preact/signals';
import type { ComponentType } from 'preact';

type Dialog = ComponentType<{ onClose: () => void }>;

const opened = signal<Dialog | undefined>(undefined);
const close = () => {
  opened.value = undefined;
};

export async function openSearch(): Promise<void> {
  const { SearchDialog } = await import('./search-dialog');
  opened.value = SearchDialog;
}

export async function openExchange(): Promise<void> {
  const { ExchangeDialog } = await import('./exchange-dialog');
  opened.value = ExchangeDialog;
}

/** The one that is open. */
export function OpenedDialog() {
  const Opened = opened.value;
  return Opened ? <Opened onClose={close} /> : null;
}
