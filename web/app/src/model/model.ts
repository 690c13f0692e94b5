// What answers: a model on this device, or a server that the person chose. One at a time.

import { computed, signal } from '@preact/signals';
import {
  type ChatEngine,
  type Engine,
  EngineAbortError,
  type KeptModel,
  type LoadProgress,
  mayKeepModels,
  type ModelSource,
} from 'minke';
import { loadedWith, loadSettings } from '../settings/settings';
import { lastModel, noteUse } from '../models/used';
import { messageOf } from '../text/text';
import { nameOf } from './names';

/** What answers, and its name for people. `thinks`: whether it can think before it answers. */
export type Answerer =
  | { where: 'device'; id: string | null; name: string; engine: Engine; thinks: boolean }
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

/** Those of them that are there to the last byte, and can be loaded. */
export const wholeModels = computed(() => kept.value?.filter(({ complete }) => complete));

/** The package, which nothing needs before the app is painted. */
const minke = () => import('minke');

/** Whether models can run here at all. */
export const hasGpu = Boolean(navigator.gpu as GPU | undefined);

export async function lookAtKept(): Promise<void> {
  kept.value = (await mayKeepModels()) ? await (await minke()).listModels().catch(() => []) : []; // the app is of use without
}

/** What was last asked for. */
let wanted: { name: string; model: ModelSource } | undefined;

/** Loads a model in place of what answered before: a kept one by its id, or a file that is not kept. */
export async function load(name: string, model: ModelSource): Promise<void> {
  loading.value?.cancel();
  wanted = { name, model };
  const controller = new AbortController();
  const cancel = () => controller.abort();
  loadError.value = undefined;
  loading.value = { name, progress: undefined, cancel };
  try {
    await unload();
    loadedWith.value = loadSettings.value;
    const engine = await start(model, controller.signal, (progress) => {
      loading.value = { name, progress, cancel };
    });
    const thinks = await canThink(engine);
    const id = engine.info.model.kept;
    answerer.value = { where: 'device', id, name, engine, thinks };
    if (id !== null) noteUse(id);
  } catch (error) {
    if (!(error instanceof EngineAbortError)) loadError.value = messageOf(error);
  } finally {
    if (loading.value?.cancel === cancel) loading.value = undefined;
  }
}

async function start(
  model: ModelSource,
  signal: AbortSignal,
  onProgress: (progress: LoadProgress) => void,
): Promise<Engine> {
  const { nCtx, kv } = loadSettings.value;
  const { createEngine } = await minke();
  return createEngine({ model, signal, onProgress, ...(nCtx !== null && { nCtx }), ...(kv !== null && { kv }) });
}

/** A model that thinks has a token that ends it. */
const canThink = async (engine: Engine): Promise<boolean> =>
  (await engine.tokenize('</think>', { special: true })).length === 1;

export const loadKept = ({ id, url }: KeptModel): Promise<void> => load(nameOf(url), { id });

/** Loads a model from its files, without keeping it. */
export const loadFiles = (files: [File, ...File[]]): void => void load(nameOf(files[0].name), files);

/** Loads what was last asked for once more: after an error, or with other settings. */
export async function loadAgain(): Promise<void> {
  if (wanted) await load(wanted.name, wanted.model);
}

/** Loads the kept model that was used last, or the only one. */
export async function loadLast(): Promise<void> {
  await lookAtKept();
  if (!hasGpu || answerer.value || loading.value) return;
  const whole = wholeModels.value ?? [];
  const model = whole.find(({ id }) => id === lastModel()) ?? (whole.length === 1 ? whole[0] : undefined);
  if (model) await loadKept(model);
}

/** Frees what answers. */
export async function unload(): Promise<void> {
  const before = answerer.value;
  answerer.value = undefined;
  await before?.engine.dispose();
}
