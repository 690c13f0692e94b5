// Deletes everything that the app keeps in this browser, and the app itself.

import { unload } from '../model/model';

/** Empties a database: one that another tab has open can be emptied, but not deleted. */
async function emptyDatabase(name: string): Promise<void> {
  const { openDB } = await import('idb');
  const database = await openDB(name);
  const stores = [...database.objectStoreNames];
  if (stores.length > 0) {
    const transaction = database.transaction(stores, 'readwrite');
    await Promise.all([...stores.map((store) => transaction.objectStore(store).clear()), transaction.done]);
  }
  database.close();
}

async function emptyFiles(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const names = (root as unknown as { keys(): AsyncIterable<string> }).keys();
  for await (const name of names) await root.removeEntry(name, { recursive: true });
}

export async function forgetEverything(): Promise<void> {
  await unload(); // which holds files of its model
  const databases = await indexedDB.databases();
  const steps = [
    ...databases.map(({ name }) => emptyDatabase(name ?? '')),
    emptyFiles(),
    caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name)))),
    navigator.serviceWorker.getRegistrations().then((all) => Promise.all(all.map((own) => own.unregister()))),
  ];
  localStorage.clear();
  sessionStorage.clear();
  const failed = (await Promise.allSettled(steps)).find((step) => step.status === 'rejected');
  if (failed) throw failed.reason;
}
