// The model: choosing, loading, letting go.

import { signal } from '@preact/signals';
import { createEngine, type Engine, EngineAbortError, type ListedModel, type LoadProgress, models } from 'minke';

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
  /** Bytes per second over the last seconds. */
  speed: number | undefined;
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

/** Loads a model in place of the one before. */
export async function load(name: string, model: string | Blob): Promise<void> {
  const controller = new AbortController();
  const speed = speedometer();
  const cancel = () => controller.abort();
  loadError.value = undefined;
  loading.value = { name, progress: undefined, speed: undefined, cancel };
  try {
    await unload();
    const onProgress = (progress: LoadProgress) => {
      loading.value = { name, progress, speed: speed(progress.loaded), cancel };
    };
    loaded.value = { name, engine: await createEngine({ model, signal: controller.signal, onProgress }) };
  } catch (error) {
    if (!(error instanceof EngineAbortError)) loadError.value = words(error);
  } finally {
    loading.value = undefined;
  }
}

/** Frees the model that is loaded. */
export async function unload(): Promise<void> {
  await loaded.value?.engine.dispose();
  loaded.value = undefined;
}

/** Bytes per second over a window of 5 seconds. */
function speedometer(): (bytes: number) => number | undefined {
  const samples: { time: number; bytes: number }[] = [];
  return (bytes) => {
    const time = performance.now();
    samples.push({ time, bytes });
    while (samples[0] && time - samples[0].time > 5000) samples.shift();
    const first = samples[0];
    if (!first || time - first.time < 500) return undefined;
    return ((bytes - first.bytes) / (time - first.time)) * 1000;
  };
}
