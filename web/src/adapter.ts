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
 * kernels need 8 neighbouring lanes in one subgroup. Nor does it know what the adapter is called, which errors should tell.
 */
export function prepareDevice(adapter: GPUAdapter, asked: DeviceOptions): DeviceOptions {
  const options = { ...asked, adapterName: nameOf(adapter.info) };
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

/** What browsers tell is little, and differs. */
const nameOf = ({ description, device, vendor, architecture }: GPUAdapterInfo) =>
  description || device || [vendor, architecture].filter(Boolean).join(' ');

/** The error of a lost device, if it is lost, or is so within some milliseconds. */
export async function deviceLoss(within: number): Promise<{ code: string; message: string } | undefined> {
  const loss = await Promise.race([device?.lost, new Promise<undefined>((done) => setTimeout(done, within))]);
  if (!loss || loss.reason === 'destroyed') return undefined;
  const reason = loss.message.replace(/\.$/, '');
  return { code: 'device', message: `the GPU device was lost: ${reason}. The model must be loaded again` };
}

/** A kernel as the engine has it: WGSL, and of each binding, a storage buffer, whether it is written. */
interface Kernel {
  code: string;
  writes: boolean[];
}

/**
 * Compiles kernels side by side, and while the GPU does other things, which wgpu cannot ask for. As long as what this resolves
 * to is held, Chromium gives wgpu the same pipelines for the same texts. Elsewhere all would only be compiled twice.
 */
export async function compileAhead(kernels: Kernel[]): Promise<unknown> {
  const gpu = device;
  if (!gpu || !('userAgentData' in navigator)) return undefined;
  gpu.pushErrorScope('validation'); // a kernel that is refused is refused again when wgpu asks for it
  const pipelines = kernels.map(({ code, writes }) => {
    const entries = writes.map((written, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: written ? ('storage' as const) : ('read-only-storage' as const) },
    }));
    const layout = gpu.createPipelineLayout({ bindGroupLayouts: [gpu.createBindGroupLayout({ entries })] });
    const compute = { module: gpu.createShaderModule({ code }), entryPoint: 'main' };
    return gpu.createComputePipelineAsync({ layout, compute });
  });
  return Promise.allSettled([...pipelines, gpu.popErrorScope()]);
}

export function destroyDevice(): void {
  device?.destroy();
}
