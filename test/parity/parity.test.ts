import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalRuntime, Tensor, TensorData, TensorMap, TensorType } from '../../src/models/index.js';
import { loadOnnxRuntime } from '../../src/models/runtimes/onnx/load-onnx-runtime.js';
import { systemClock } from '../../src/shared/clock.js';
import { Deadline } from '../../src/shared/deadline.js';
import { silentModelsObserver } from '../../src/app/offline/silent-models-observer.js';

const folder = path.join(import.meta.dirname, 'cases');

interface Case {
  readonly library: string;
  readonly tolerance: number;
  readonly rows: number;
  readonly inputs: Readonly<Record<string, { type: TensorType; dims: number[]; data: (number | string | null)[] }>>;
  /** By output: one element a row, a label or a list of numbers. */
  readonly outputs: Readonly<Record<string, readonly (number | string | readonly number[])[]>>;
}

/** What is left to onnxruntime, and why. All other models must be compiled. */
const notCompiled: Readonly<Record<string, RegExp>> = {
  'network-convolution': /Conv is not compiled/,
  'sklearn-neighbours': /Scan is not compiled/,
  'sklearn-neighbours-regressor': /Scan is not compiled/,
  'sklearn-polynomial': /ReduceProd is not compiled/,
  'sklearn-svc': /SVMClassifier is not compiled/,
  'sklearn-svr': /SVMRegressor is not compiled/,
};

const names = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length));

const load = (name: string, executor: 'compiled' | 'inline' | 'worker') =>
  loadOnnxRuntime({
    name: { modelId: name, version: '1' },
    file: path.join(folder, `${name}.onnx`),
    folder,
    options: { worker_threshold_us: 200 },
    observer: silentModelsObserver,
    clock: systemClock,
    executor,
  });

function tensorOf({ type, dims, data }: Case['inputs'][string]): Tensor {
  const numbers = () => data.map((value) => (value === null ? NaN : Number(value)));
  const arrays: { [type: string]: () => TensorData } = {
    string: () => data.map(String),
    float32: () => Float32Array.from(numbers()),
    int64: () => BigInt64Array.from(data.map((value) => BigInt(value ?? 0))),
  };
  return { type, dims, data: arrays[type]!() };
}

function rowsOf(tensors: TensorMap, from: number, to: number): TensorMap {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { type, dims, data }]) => {
      const width = data.length / dims[0]!;
      return [name, { type, dims: [to - from, ...dims.slice(1)], data: data.slice(from * width, to * width) }];
    }),
  );
}

it('covers the libraries that models come from', () => {
  const libraries = new Set(names.map((name) => name.split('-')[0]));
  expect([...libraries].sort()).toEqual(['catboost', 'lightgbm', 'network', 'sklearn', 'xgboost']);
  expect(names.length).toBeGreaterThan(40);
});

describe.each(names)('%s', (name) => {
  const known = JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as Case;
  const inputs = Object.fromEntries(Object.entries(known.inputs).map(([key, input]) => [key, tensorOf(input)]));
  const executors = (['compiled', 'inline', 'worker'] as const).filter(
    (executor) => executor !== 'compiled' || !(name in notCompiled),
  );

  function check(answers: TensorMap, from: number): void {
    for (const [output, wanted] of Object.entries(known.outputs)) {
      const { data, dims } = answers[output]!;
      const rows = dims[0]!;
      const width = data.length / rows;
      for (let row = 0; row < rows; row++) {
        const want = [wanted[from + row]].flat();
        const got = Array.from(data.slice(row * width, (row + 1) * width) as ArrayLike<unknown>);
        expect(got.length).toBe(want.length);
        want.forEach((value, at) => {
          if (typeof value === 'string') return expect(got[at]).toBe(value);
          const difference = Math.abs(Number(got[at]) - value!) / Math.max(1, Math.abs(value!));
          expect(difference, `${output} of row ${from + row}`).toBeLessThanOrEqual(known.tolerance);
        });
      }
    }
  }

  describe.each(executors)('%s', (executor) => {
    let runtime: LocalRuntime;
    beforeAll(async () => {
      runtime = await load(name, executor);
    });
    afterAll(() => runtime.close());
    const soon = () => new Deadline(systemClock, 60_000);

    it('answers as the library that trained it, one row at a time and all at once', async () => {
      expect(runtime.describe().executor).toBe(executor);
      check(await runtime.predictBatch(inputs, known.rows, soon()), 0);
      for (let row = 0; row < known.rows; row++) {
        check(await runtime.predictBatch(rowsOf(inputs, row, row + 1), 1, soon()), row);
      }
    });
  });
});

it.each(Object.entries(notCompiled))('%s is left to onnxruntime, with the reason', async (name, reason) => {
  await expect(load(name, 'compiled')).rejects.toThrow(reason);
});
