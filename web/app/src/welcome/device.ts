// What the page can learn of the device before a model is loaded. Nothing is asked of the network for it.

import { signal } from '@preact/signals';
import { type ListedModel, storage, type StorageInfo } from 'minke';
import { hasGpu } from '../model/model';
import { listed } from '../model/names';

/** The graphics processor as WebGPU tells of it. */
export interface Adapter {
  name: string;
  /** Whether it is a program that plays one. */
  software: boolean;
  maxBuffer: number;
  maxBinding: number;
  subgroups: boolean;
}

export interface Device {
  /** Whether WebGPU can be used, or why not. */
  gpu: 'ready' | 'insecure' | 'missing' | 'no_adapter';
  adapter: Adapter | null;
  /** Bytes of memory that the browser admits to, rounded; null where it does not tell. */
  memory: number | null;
  /** Whether files can be kept at all: not so in some private windows. */
  keeps: boolean;
  room: StorageInfo;
}

export const device = signal<Device | undefined>(undefined);

export async function lookAtDevice(): Promise<void> {
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const [found, keeps, room] = await Promise.all([findAdapter(), keepsFiles(), storage()]);
  device.value = { ...found, keeps, room, memory: deviceMemory ? deviceMemory * 1e9 : null };
}

async function findAdapter(): Promise<Pick<Device, 'gpu' | 'adapter'>> {
  if (!hasGpu) return { gpu: isSecureContext ? 'missing' : 'insecure', adapter: null };
  // as the engine asks, so that it is the same one
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  return adapter ? { gpu: 'ready', adapter: factsOf(adapter) } : { gpu: 'no_adapter', adapter: null };
}

function factsOf({ info, limits, features }: GPUAdapter): Adapter {
  const { description, device, vendor, architecture } = info;
  return {
    name: description || device || [vendor, architecture].filter(Boolean).join(' '),
    software: info.isFallbackAdapter || architecture === 'swiftshader',
    maxBuffer: limits.maxBufferSize,
    maxBinding: limits.maxStorageBufferBindingSize,
    subgroups: features.has('subgroups'),
  };
}

async function keepsFiles(): Promise<boolean> {
  try {
    await navigator.storage.getDirectory();
    return true;
  } catch {
    return false;
  }
}

/** Bytes that the browser would still keep for the page; null where it does not tell. */
export function freeOf({ usage, quota }: StorageInfo): number | null {
  return quota === null ? null : Math.max(0, quota - (usage ?? 0));
}

const SMALL = 'deepseek-r1-distill-qwen-1.5b';
const LARGE = 'deepseek-r1-0528-qwen3-8b';

/** The model to begin with: the smallest distill, but a larger one where there is clearly enough of everything. */
export function suggestedFor({ adapter, memory, room }: Device): ListedModel {
  const named = (id: string) => listed.find((model) => model.id === id);
  const [first] = listed;
  if (adapter?.software && first?.id !== SMALL) return first as ListedModel;
  const ample =
    adapter !== null &&
    !adapter.software &&
    adapter.maxBuffer >= 4e9 &&
    (memory ?? 0) >= 16e9 &&
    (freeOf(room) ?? 0) >= 2e10;
  return named(ample ? LARGE : SMALL) as ListedModel;
}
