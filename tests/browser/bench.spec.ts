// `npm run bench` on a tiny model: the numbers that documents quote come from it.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../scripts/setup.mjs';
import { expect, test, vectors } from './fixtures';

const bench = (...options: string[]) =>
  promisify(execFile)(process.execPath, [join(root, 'scripts/bench.mjs'), '--adapter', 'swiftshader', ...options]);

test('speeds and calls are measured', async () => {
  const model = join(vectors, 'models/qwen3-yarn4-untied.gguf');
  const { stdout } = await bench('--model', model, '--prompt', '24', '--decode', '4', '--rounds', '1');
  const numbers = (row: RegExp) => (row.exec(stdout)?.slice(1) ?? []).map(Number);
  const speeds = numbers(/^Minke +WebGPU +([\d.]+) \(.*?\) +([\d.]+) \(.*?\) +([\d.]+) \(/m);
  expect(speeds, stdout).toHaveLength(3);
  expect(Math.min(...speeds), stdout).toBeGreaterThan(0);
  expect(numbers(/^submits +(\d+)$/m), stdout).toEqual([1]);
  expect(numbers(/^bytesWritten +(\d+)$/m), stdout).toEqual([0]);
});

test('what cannot be measured is said', async () => {
  await expect(bench('--rounds', '0')).rejects.toThrow('--rounds wants a whole number');
  await expect(bench('--model', join(root, 'README.md'), '--prompt', '8', '--rounds', '1')).rejects.toThrow(
    /could not be measured: .*not a GGUF file/,
  );
});
