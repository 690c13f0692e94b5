// The dialogs of the history.

import { openDialog } from '../parts/opened';

export const openSearch = (): Promise<void> => openDialog(async () => (await import('./search-dialog')).SearchDialog);

export const openExchange = (): Promise<void> =>
  openDialog(async () => (await import('./exchange-dialog')).ExchangeDialog);
