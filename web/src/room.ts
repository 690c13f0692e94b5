// Room for models in this browser, as far as it can be told without the engine.

/** Room for this page's data in this browser, models and all else. */
export interface StorageInfo {
  /** Bytes that are used; null where the browser does not tell. */
  usage: number | null;
  /** Bytes that may be. */
  quota: number | null;
  /** Whether the browser has promised to delete nothing by itself. */
  persisted: boolean;
}

/** What the browser says of the room for this page's data. */
export async function storage(): Promise<StorageInfo> {
  const manager = globalThis.navigator?.storage;
  const { usage, quota } = (await manager?.estimate?.().catch(() => undefined)) ?? {};
  const persisted = (await manager?.persisted?.().catch(() => false)) ?? false;
  return { usage: usage ?? null, quota: quota ?? null, persisted };
}

/**
 * Whether there may be kept models: false where the store's folder (src/web/opfs.rs) was never made. A page that asks this first
 * need not load the rest of the package to find nothing.
 */
export async function mayKeepModels(): Promise<boolean> {
  try {
    await (await navigator.storage.getDirectory()).getDirectoryHandle('minke');
    return true;
  } catch (error) {
    return (error as Error).name !== 'NotFoundError'; // of anything else the worker can tell more
  }
}
