// Which model is meant.

import { models } from './models.js';
import { type LoadOptions, type ModelSource, type PinnedFile, withoutNulls } from './options.js';
import type { DownloadOptions, ModelFile, Source } from './protocol.js';
import { absolute, optional } from './address.js';

/** A model as the worker is told: absolute addresses, files in their order. */
export function sourceOf(model: ModelSource): Source {
  if (model instanceof Blob) return [model];
  if (Array.isArray(model)) return (model as Blob[]).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (typeof model === 'string' || model instanceof URL) {
    const listed = models.find((listed) => listed.id === model);
    return absolute('model', listed?.url ?? model).href;
  }
  if ('id' in model) return { id: model.id };
  return { parts: 'parts' in model ? model.parts.map(pinned) : [pinned(model as PinnedFile)] };
}

const nameOf = (file: Blob) => (file instanceof File ? file.name : '');

function pinned({ url, ...known }: PinnedFile): ModelFile {
  return { url: absolute('model', url).href, ...known };
}

/** How a model is to come, as the worker is told. */
export function wishes({ keep, mirror, headers }: Pick<LoadOptions, keyof DownloadOptions>): DownloadOptions {
  return withoutNulls({ keep, mirror: optional('mirror', mirror), headers });
}

/** Asks the browser not to delete what is kept when room gets scarce. */
export async function persist(): Promise<void> {
  try {
    await navigator.storage.persist();
  } catch {
    // then it may
  }
}
