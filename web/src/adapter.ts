// What wgpu cannot ask of the browser's adapter.

import type { DeviceOptions } from './protocol.js';

/** The adapter that wgpu will get too. */
export async function bestAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw {
      code: 'no_adapter',
      message:
        'this browser offers no WebGPU adapter: use a current Chrome, Edge, Firefox or Safari, with hardware acceleration on',
    };
  }
  return adapter;
}

/**
 * wgpu 30 does not know WebGPU's `subgroups`, so the feature is asked for here, behind its back. The matvec
 * kernels need 8 neighbouring lanes in one subgroup.
 */
export function enableSubgroups(adapter: GPUAdapter, options: DeviceOptions): DeviceOptions {
  const info = adapter.info as GPUAdapterInfo & { subgroupMinSize?: number };
  const usable = adapter.features.has('subgroups') && (info.subgroupMinSize ?? 0) >= 8;
  if (!usable || options.noSubgroups) return { ...options, noSubgroups: true };
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function (descriptor) {
    const requiredFeatures = [...(descriptor?.requiredFeatures ?? []), 'subgroups' as GPUFeatureName];
    return requestDevice.call(this, { ...descriptor, requiredFeatures });
  };
  return options;
}
