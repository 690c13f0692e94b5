import type { LoadProgress } from 'minke';

/** How far a load is; null: that cannot be said. */
export function share(progress: LoadProgress | undefined): number | null {
  if (!progress?.total || progress.phase === 'prepare') return null;
  return Math.min(1, progress.loaded / progress.total);
}
