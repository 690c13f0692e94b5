// What wgpu cannot ask of the browser's adapter and device.

import type { DeviceOptions } from './protocol.js';

/** What wgpu opened, by {@link prepareDevice}. */
let device: GPUDevice | undefined;

/** The adapter that wgpu will get too. */
export async function bestAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw {
      code: 'no_adapter',
      message:
        'this browser offers no WebGPU adapter: use a current Chrome, Edge, Firefox or Safari, with hardware acceleration on, and restart it if its GPU process has crashed',
    };
  }
  return adapter;
}

/**
 * wgpu 30 does not know WebGPU's `subgroups`, so the feature is asked for here, behind its back. The matvec
 * kernels need 8 neighbouring lanes in one subgroup.
 */
export function prepareDevice(adapter: GPUAdapter, options: DeviceOptions): DeviceOptions {
  const info = adapter.info as GPUAdapterInfo & { subgroupMinSize?: number };
  const usable = adapter.features.has('subgroups') && (info.subgroupMinSize ?? 0) >= 8;
  const extra = usable && !options.noSubgroups ? ['subgroups' as GPUFeatureName] : [];
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const requiredFeatures = [...(descriptor?.requiredFeatures ?? []), ...extra];
    device = await requestDevice.call(this, { ...descriptor, requiredFeatures });
    return device;
  };
  return extra.length > 0 ? options : { ...options, noSubgroups: true };
}

/** The error of a lost device, if it is lost, or is so within some milliseconds. */
export async function deviceLoss(within: number): Promise<{ code: string; message: string } | undefined> {
  const loss = await Promise.race([device?.lost, new Promise<undefined>((done) => setTimeout(done, within))]);
  if (!loss || loss.reason === 'destroyed') return undefined;
  const reason = loss.message.replace(/\.$/, '');
  return { code: 'device', message: `the GPU device was lost: ${reason}. The model must be loaded again` };
}

export function destroyDevice(): void {
  device?.destroy();
}
