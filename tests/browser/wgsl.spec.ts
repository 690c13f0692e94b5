// Every WGSL text of every tier and format, as the engine makes it, through Chrome's own compiler. SwiftShader would take
// hours to make pipelines of them all, so none is made.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { root } from '../../scripts/setup.mjs';
import { expect, test } from './fixtures';
import * as golden from './golden';

interface Text {
  label: string;
  code: string;
  errors: string[];
}

/** Puts something in the place of all that needs a real pipeline, and keeps every shader module. */
async function keepModules(page: Page): Promise<void> {
  await page.evaluate(() => {
    const kept: { label: string; code: string; module: GPUShaderModule }[] = [];
    const make = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (descriptor) {
      const module = make.call(this, descriptor);
      kept.push({ label: descriptor.label ?? '', code: descriptor.code, module });
      return module;
    };
    const pipeline = { getBindGroupLayout: () => ({}) };
    GPUDevice.prototype.createComputePipeline = () => pipeline as unknown as GPUComputePipeline;
    GPUDevice.prototype.createBindGroup = () => ({}) as GPUBindGroup;
    Object.assign(GPUComputePassEncoder.prototype, { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {} });
    window.texts = () =>
      Promise.all(
        kept.splice(0).map(async ({ label, code, module }) => {
          const { messages } = await module.getCompilationInfo();
          const errors = messages.filter(({ type }) => type === 'error').map(({ message }) => message);
          return { label, code, errors };
        }),
      );
  });
}

declare global {
  interface Window {
    texts(): Promise<Text[]>;
  }
}

test("Chrome's compiler takes every text of every tier", async ({ page, golden: url }) => {
  await golden.open(page, url);
  await keepModules(page);
  const kernels = new Set<string>();
  for (const subgroups of [false, true]) {
    const texts = await page.evaluate(async (subgroups) => {
      // SwiftShader has subgroups, only smaller ones than the kernels want
      const requestDevice = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = function (descriptor) {
        const requiredFeatures = [...(descriptor?.requiredFeatures ?? []), 'subgroups' as GPUFeatureName];
        return requestDevice.call(this, { ...descriptor, requiredFeatures });
      };
      const kernels = await window.golden.GoldenKernels.open({ noSubgroups: !subgroups });
      GPUAdapter.prototype.requestDevice = requestDevice;
      await kernels.compile(subgroups);
      return window.texts();
    }, subgroups);
    console.log(`${texts.length} texts with${subgroups ? '' : 'out'} subgroups`);
    for (const { label, errors } of texts) expect(errors, label).toEqual([]);
    const enabled = texts.filter(({ code }) => code.startsWith('enable subgroups;'));
    expect(enabled.length).toBe(subgroups ? texts.length : 0);
    expect(texts.some(({ code }) => code.includes('subgroupShuffleXor'))).toBe(subgroups);
    texts.forEach(({ label }) => kernels.add(label));
  }
  // a label is the stem of a file, but for the three ways to multiply by many tokens
  const files = readdirSync(join(root, 'shaders')).flatMap((name) => /^(\w+)\.wgsl$/.exec(name)?.[1] ?? []);
  const stems = new Set(files.map((stem) => stem.replace(/^matmul_(tiles|rows|bytes)$/, 'matmul')));
  expect([...kernels].sort()).toEqual([...stems].sort());
});

test('a text that Chrome rejects is found', async ({ page, golden: url }) => {
  await golden.open(page, url);
  await keepModules(page);
  const texts = await page.evaluate(async () => {
    const device = await (await navigator.gpu.requestAdapter())?.requestDevice();
    device?.createShaderModule({
      label: 'no feature',
      code: 'enable subgroups; @compute @workgroup_size(1) fn main() {}',
    });
    device?.createShaderModule({ label: 'no type', code: 'fn f() -> f33 { return 1.0; }' });
    return window.texts();
  });
  expect(texts.map(({ errors }) => errors.length)).toEqual([1, 1]);
});

test('a kernel that was compiled ahead is there when it is asked for', async ({ page, golden: url }) => {
  await page.goto(url);
  const { told, errors, ahead, later } = await page.evaluate(async () => {
    const { bestAdapter, compileAhead, prepareDevice } = await import(new URL('wasm/adapter.js', location.href).href);
    const adapter: GPUAdapter = await bestAdapter();
    prepareDevice(adapter, {});
    const device = await adapter.requestDevice();
    const errors: string[] = [];
    device.addEventListener('uncapturederror', ({ error }) => errors.push(error.message));
    // long enough that compiling takes a while
    const steps = Array.from({ length: 2000 }, (_, i) => `x = x * ${i + 2}u + (x >> ${(i % 30) + 1}u);`).join(' ');
    const code = `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
      @compute @workgroup_size(1) fn main() { var x = y[0]; ${steps} y[0] = x; }`;
    const wrong = { code: code.replace('var x', 'var x x'), writes: [true] };
    const start = performance.now();
    const settled: PromiseSettledResult<unknown>[] = await compileAhead([{ code, writes: [true] }, wrong]);
    const between = performance.now();
    const buffer = { type: 'storage' as const };
    const group = device.createBindGroupLayout({
      entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer }],
    });
    device.pushErrorScope('validation');
    device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [group] }),
      compute: { module: device.createShaderModule({ code }), entryPoint: 'main' },
    });
    const refused = await device.popErrorScope();
    const [ahead, later] = [between - start, performance.now() - between];
    const told = settled.slice(0, 2).map(({ status }) => status);
    return { told, errors: refused ? [...errors, refused.message] : errors, ahead, later };
  });
  expect(told).toEqual(['fulfilled', 'rejected']);
  expect(errors).toEqual([]);
  expect(later).toBeLessThan(ahead / 4);
});
