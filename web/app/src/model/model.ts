// What answers: a model on this device, or a server that the person chose. One at a time.

import { signal } from '@preact/signals';
import {
  type ChatEngine,
  createEngine,
  type Engine,
  EngineAbortError,
  type KeptModel,
  listModels,
  type LoadProgress,
  type ModelSource,
} from 'minke';
import { loadedWith, loadSettings } from '../settings/settings';
import { nameOf } from './names';

/** What answers, and its name for people. */
export type Answerer =
  | { where: 'device'; id: string | null; name: string; engine: Engine }
  | { where: 'server'; address: string; name: string; engine: ChatEngine };

export const answerer = signal<Answerer | undefined>(undefined);

export interface Loading {
  name: string;
  progress: LoadProgress | undefined;
  cancel(): void;
}

export const loading = signal<Loading | undefined>(undefined);
export const loadError = signal<string | undefined>(undefined);

/** What this browser keeps; undefined: not looked at yet. */
export const kept = signal<readonly KeptModel[] | undefined>(undefined);

export async function lookAtKept(): Promise<void> {
  kept.value = await listModels().catch(() => []); // the app is of use without
}

/** Loads a model in place of what answered before: a kept one by its id, or a file that is not kept. */
export async function load(name: string, model: ModelSource): Promise<void> {
  const controller = new AbortController();
  const cancel = () => controller.abort();
  loadError.value = undefined;
  loading.value = { name, progress: undefined, cancel };
  try {
    await unload();
    loadedWith.value = loadSettings.value;
    const { nCtx, kv } = loadSettings.value;
    const engine = await createEngine({
      model,
      signal: controller.signal,
      onProgress: (progress) => {
        loading.value = { name, progress, cancel };
      },
      ...(nCtx !== null && { nCtx }),
      ...(kv !== null && { kv }),
    });
    answerer.value = { where: 'device', id: engine.info.model.kept, name, engine };
  } catch (error) {
    if (!(error instanceof EngineAbortError)) loadError.value = error instanceof Error ? error.message : String(error);
  } finally {
    loading.value = undefined;
  }
}

export const loadKept = ({ id, url }: KeptModel): Promise<void> => load(nameOf(url), { id });

/** Frees what answers. */
export async function unload(): Promise<void> {
  await answerer.value?.engine.dispose();
  answerer.value = undefined;
}
