// The model: choosing, loading, letting go.

import { signal } from '@preact/signals';
import {
  createEngine,
  type Engine,
  EngineAbortError,
  type KeptModel,
  type ListedModel,
  listModels,
  LoadControl,
  type LoadProgress,
  models,
} from 'minke';

/** The small model's address, where `npm start` serves the page (scripts/start.mjs). */
const small = document.querySelector<HTMLMetaElement>('meta[name=small-model]')?.content;

/** The listed models, and the small one where this page's server has it. */
export const choices: readonly ListedModel[] = [
  ...models,
  ...(small
    ? [
        {
          id: 'smollm2-135m-instruct',
          name: 'SmolLM2 135M Instruct (small test model, from this server)',
          url: small,
          bytes: 98_362_432,
        },
      ]
    : []),
];

export interface Loading {
  name: string;
  progress: LoadProgress | undefined;
  control: LoadControl;
  cancel(): void;
}

export interface Loaded {
  name: string;
  engine: Engine;
}

export const loading = signal<Loading | undefined>(undefined);
export const loaded = signal<Loaded | undefined>(undefined);
export const loadError = signal<string | undefined>(undefined);

export const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What this browser keeps, by the models' addresses. */
export const kept = signal<ReadonlyMap<string, KeptModel>>(new Map());

/** Looks at what is kept. */
export async function lookAtKept(): Promise<void> {
  const models = await listModels().catch(() => []); // the list is of use without
  kept.value = new Map(models.map((model) => [model.url, model]));
}

/** Loads a model in place of the one before. */
export async function load(name: string, model: string | Blob): Promise<void> {
  const controller = new AbortController();
  const control = new LoadControl();
  const cancel = () => controller.abort();
  loadError.value = undefined;
  loading.value = { name, progress: undefined, control, cancel };
  try {
    await unload();
    const onProgress = (progress: LoadProgress) => {
      loading.value = { name, progress, control, cancel };
    };
    const { signal } = controller;
    loaded.value = { name, engine: await createEngine({ model, signal, control, onProgress }) };
  } catch (error) {
    if (!(error instanceof EngineAbortError)) loadError.value = words(error);
  } finally {
    loading.value = undefined;
    void lookAtKept();
  }
}

/** Frees the model that is loaded. */
export async function unload(): Promise<void> {
  await loaded.value?.engine.dispose();
  loaded.value = undefined;
}
