// What is done with models here: downloads, imports and checks of what is kept, by the models' addresses.

import { computed, effect, signal } from '@preact/signals';
import {
  deleteModel,
  downloadModel,
  EngineAbortError,
  listModels,
  LoadControl,
  type LoadProgress,
  type ModelSource,
} from 'minke';
import { lookAtKept } from '../model/model';
import { say } from '../parts/toast';
import { t } from '../text/text';
import { lookAtDevice } from '../welcome/device';
import { type Problem, problemOf } from './problem';
import { mirrorFor, outOfReach, reachAny } from './reach';

export interface Task {
  kind: 'download' | 'import' | 'verify';
  /** The model's address, or what stands for it while a file is imported. */
  url: string;
  name: string;
  model: ModelSource;
}

export type Work =
  | { state: 'running'; task: Task; progress: LoadProgress | undefined; control: LoadControl; cancel: () => void }
  | { state: 'failed'; task: Task; problem: Problem }
  | { state: 'done'; task: Task };

export const work = signal<ReadonlyMap<string, Work>>(new Map());

function put(url: string, now: Work | undefined): void {
  const next = new Map(work.value);
  if (now) next.set(url, now);
  else next.delete(url);
  work.value = next;
}

/** Puts away what is said of the last work. */
export const dismiss = (url: string): void => put(url, undefined);

/** Does it, and shows how far it is and what went wrong. `headers` go to the model's host and are not kept. */
export async function begin(task: Task, headers?: Record<string, string>): Promise<void> {
  const { url, name, model, kind } = task;
  if (kind === 'download' && outOfReach(url)) return reachAny([...downloading(), { url, name }]);
  const controller = new AbortController();
  const control = new LoadControl();
  const cancel = () => controller.abort();
  const show = (progress?: LoadProgress) => put(url, { state: 'running', task, progress, control, cancel });
  show();
  try {
    const options = { model, control, signal: controller.signal, onProgress: show, ...mirrorFor(url) };
    const kept = await downloadModel({ ...options, ...(headers && { headers }) });
    await lookAtKept();
    put(url, undefined);
    put(kept.url, { state: 'done', task });
    say(t(kind === 'verify' ? 'models.verifiedNow' : 'models.arrived', { name }));
  } catch (error) {
    if (kind === 'import') await dropPart(url);
    await lookAtKept();
    const failed: Work = { state: 'failed', task, problem: problemOf(error, url) };
    put(url, error instanceof EngineAbortError ? undefined : failed);
  } finally {
    void lookAtDevice();
  }
}

/** Of a file that was not taken whole nothing stays: it can be opened again. */
async function dropPart(url: string): Promise<void> {
  const part = (await listModels().catch(() => [])).find((model) => model.url.startsWith(`${url}?`) && !model.complete);
  if (part) await deleteModel(part.id).catch(() => {}); // it is in use for a moment yet, and can be deleted by hand
}

/** Pauses what runs, or lets it go on. */
export function toggle({ control }: Extract<Work, { state: 'running' }>): void {
  if (control.paused) control.resume();
  else control.pause();
  work.value = new Map(work.value);
}

const running = computed(() => [...work.value.values()].filter(({ state }) => state === 'running'));

/** Downloads that go on where the document is opened anew. */
const downloading = () => running.value.map(({ task }) => task).filter(({ kind }) => kind === 'download');

/** Keeps the screen on while anything runs: a phone that sleeps downloads nothing. */
const awake = computed(() => running.value.length > 0);

effect(() => {
  if (!awake.value || !('wakeLock' in navigator)) return undefined;
  let lock: Promise<WakeLockSentinel | undefined> | undefined;
  const hold = () => {
    if (document.visibilityState !== 'visible') return; // the browser has let it go, and gives none now
    lock = navigator.wakeLock.request('screen').catch(() => undefined);
  };
  hold();
  document.addEventListener('visibilitychange', hold);
  return () => {
    document.removeEventListener('visibilitychange', hold);
    void lock?.then((held) => held?.release());
  };
});
