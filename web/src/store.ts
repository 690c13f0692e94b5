// Models that this browser keeps, and what can be done with a model short of loading it.

import { EngineError, invalid } from './errors.js';
import { models } from './models.js';
import { type Addresses, checkOptions, type EngineOptions, type LoadOptions } from './options.js';
import type { Call, KeptModel, Plan } from './protocol.js';
import { mayKeepModels } from './room.js';
import { persist, sourceOf, wishes } from './source.js';
import { runWorker, stopWorker } from './worker-client.js';

/** Asks a worker of its own. */
async function ask<T>(
  call: Call,
  options: Addresses & Pick<LoadOptions, 'signal' | 'onProgress' | 'control'>,
): Promise<T> {
  const { worker, message } = await runWorker(options, { type: 'call', call }, options);
  void stopWorker(worker);
  if (message.type !== 'result') throw new EngineError('worker', 'the worker is of another version');
  return message.result as T;
}

/**
 * Downloads a model into this browser's store without loading it, goes on with a download that was cut, or verifies what is
 * there and mends it. A File is imported.
 *
 * @throws EngineError with a `code`, such as `http`, `network`, `changed`, `corrupt`, `storage_full`, `not_kept`.
 */
export async function downloadModel(options: LoadOptions): Promise<KeptModel> {
  const { model, keep, mirror, headers, ...rest } = checkOptions(options, 'downloadModel');
  if (keep === false) throw invalid('keep', 'a download that is not kept is none');
  await persist();
  return ask({ name: 'download', source: sourceOf(model), options: wishes({ mirror, headers }) }, rest);
}

/** The models that this browser keeps, whole or in part; none in a browser that keeps nothing. */
export async function listModels(options: Addresses = {}): Promise<KeptModel[]> {
  return (await mayKeepModels()) ? ask({ name: 'list' }, options) : [];
}

/** Deletes a kept model. @throws EngineError `not_kept`, or `in_use` while a tab loads it. */
export async function deleteModel(id: string, options: Addresses = {}): Promise<void> {
  await ask({ name: 'delete', id }, options);
}

/** The files of a model that is kept whole, to be saved elsewhere; `downloadModel` takes them back. */
export async function exportModel(id: string, options: Addresses = {}): Promise<File[]> {
  const files = await ask<[File, url: string][]>({ name: 'export', id }, options);
  return files.map(([file, url]) => new File([file], nameOf(url)));
}

const nameOf = (url: string) => decodeURIComponent(/[^/:]*$/.exec(url.replace(/[?#].*/, ''))?.[0] ?? 'model.gguf');

/** A plan, and a smaller model that may fit where this one does not. */
export interface ModelPlan extends Plan {
  /** The id of a listed model. */
  smaller: string | null;
}

/**
 * Whether a model fits this device and this browser, from the first bytes of its file. It is a guess: nothing hinders anyone
 * from trying.
 */
export async function plan(options: EngineOptions): Promise<ModelPlan> {
  const { model, mirror, headers, worker, workerUrl, wasmUrl, grammarUrl, signal, control, ...rest } = checkOptions(
    options,
    'plan',
  );
  const { keep, onProgress, tuning, share, ...device } = rest;
  void [keep, onProgress, tuning, share, grammarUrl]; // of no use here, but no harm either
  const call: Call = { name: 'plan', source: sourceOf(model), options: { ...device, ...wishes({ mirror, headers }) } };
  const found = await ask<Plan>(call, { worker, workerUrl, wasmUrl, signal, control });
  return { ...found, smaller: found.verdict === 'fits' ? null : smaller(found) };
}

/** The largest listed model of whose size is known that it is below what fits. */
function smaller({ memory }: Plan): string | null {
  const below = models.filter(({ bytes }) => bytes !== undefined && bytes < 0.8 * memory.weights);
  return below.at(-1)?.id ?? null;
}
