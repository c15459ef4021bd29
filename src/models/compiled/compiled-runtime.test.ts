import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock, systemClock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';
import type { TensorMap } from '../runtime.js';
import { runtimeContract } from '../runtime.contract.js';
import type { LocalRuntime } from '../runtime-loader.js';
import { inspectOnnx } from '../onnx/inspect-onnx.js';
import { loadOnnxRuntime } from '../runtimes/onnx/load-onnx-runtime.js';
import { compileGraph } from './compile-graph.js';
import { CompiledRuntime } from './compiled-runtime.js';

const models = path.resolve(import.meta.dirname, '../../../test/fixtures/models');
const name = { modelId: 'half', version: '1' };
const observerOf = () => ({
  workerStarted: vi.fn(),
  workerCrashed: vi.fn(),
  compiledChecked: vi.fn(),
  compiledCheckFailed: vi.fn(),
  compiledDropped: vi.fn(),
});
const load = (executor?: 'compiled', file = 'half-plus-two') =>
  loadOnnxRuntime({
    name,
    file: path.join(models, `${file}.onnx`),
    folder: models,
    options: { worker_threshold_us: 200 },
    observer: observerOf(),
    clock: systemClock,
    ...(executor && { executor }),
  });

runtimeContract('compiled', () => load('compiled'));

const x = (...values: number[]): TensorMap => ({
  x: { type: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});

/** A compiled y = x / 2 + 2 whose reference answers as the test says. */
async function checked(answer: (inputs: TensorMap) => Promise<TensorMap>, mostRows = Infinity) {
  const { graph, signature } = await inspectOnnx(await readFile(path.join(models, 'half-plus-two.onnx')), models);
  const compilation = compileGraph(graph, signature);
  if ('reason' in compilation) throw new Error(compilation.reason);
  const predictBatch = vi.fn(answer);
  const reference: LocalRuntime = {
    signature,
    cost: { perRunUs: 5, perRowUs: 1 },
    lastRunUs: 6,
    maxRows: undefined,
    offLoop: true,
    notes: [],
    predictBatch,
    describe: () => ({ runtime: 'onnx', executor: 'worker', executor_reason: 'slow', cost_per_run_us: 5 }),
    close: vi.fn(() => Promise.resolve()),
  };
  const observer = observerOf();
  const due: (() => void)[] = [];
  const runtime = new CompiledRuntime({
    name,
    graph: compilation.compiled,
    reference,
    cost: { perRunUs: 0.123, perRowUs: 0.4 },
    mostRows,
    observer,
    clock: new ManualClock(),
    checkEvery: 10,
    schedule: (check) => due.push(check),
  });
  const runChecks = async () => {
    for (const check of due.splice(0)) check();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { runtime, predictBatch, observer, due, runChecks };
}

const answer = (value: number): TensorMap => ({ y: { type: 'float32', dims: [1, 1], data: Float32Array.of(value) } });

describe('CompiledRuntime', () => {
  it('checks one row in so many with the reference, after the reply', async () => {
    const { runtime, predictBatch, observer, due, runChecks } = await checked(() => Promise.resolve(answer(3)));
    runtime.runNow(x(1, 2, 3, 4, 5, 6, 7, 8, 9), 9);
    expect(due).toHaveLength(0);
    expect(runtime.runNow(x(2, 5), 2)['y']?.data[0]).toBe(3);
    expect(predictBatch).not.toHaveBeenCalled();
    await runChecks();
    expect(predictBatch).toHaveBeenCalledWith(x(2), 1, expect.any(Deadline));
    expect(observer.compiledChecked).toHaveBeenCalledWith({ ...name, agreed: true });
    expect(runtime.describe()).toEqual({
      runtime: 'onnx',
      executor: 'compiled',
      cost_per_run_us: 0.12,
      cost_per_row_us: 0.4,
    });
  });

  it('is dropped for the reference at the first difference', async () => {
    const { runtime, predictBatch, observer, runChecks } = await checked(() => Promise.resolve(answer(3.001)));
    expect([runtime.runsNow(1), runtime.offLoop, runtime.cost?.perRowUs]).toEqual([true, false, 0.4]);
    runtime.runNow(x(...Array.from({ length: 10 }, () => 2)), 10);
    await runChecks();
    expect(observer.compiledChecked).toHaveBeenCalledWith({ ...name, agreed: false });
    expect(observer.compiledDropped).toHaveBeenCalledWith({ ...name, reason: "output 'y' differs" });
    expect([runtime.runsNow(1), runtime.offLoop, runtime.cost?.perRowUs, runtime.lastRunUs]).toEqual([
      false,
      true,
      1,
      6,
    ]);
    expect(runtime.describe()).toMatchObject({
      executor: 'worker',
      executor_reason: expect.stringContaining('dropped'),
    });
    const reply = await runtime.predictBatch(x(2), 1, new Deadline(systemClock, 1000));
    expect(reply['y']?.data[0]).toBe(Math.fround(3.001));
    expect(predictBatch).toHaveBeenCalledTimes(2);
  });

  it('leaves many rows to a reference that computes them for less', async () => {
    const many = x(...Array.from({ length: 64 }, () => 2));
    const { runtime, predictBatch } = await checked(() => Promise.resolve(answer(3)), 20);
    expect([runtime.runsNow(20), runtime.runsNow(21)]).toEqual([true, false]);
    await runtime.predictBatch(many, 64, new Deadline(systemClock, 1000));
    expect(predictBatch).toHaveBeenCalledWith(many, 64, expect.any(Deadline));
  });

  it('stays when the reference does not answer a check, and says so', async () => {
    const failure = new ServiceError('INTERNAL_ERROR', 'broken');
    const { runtime, observer, runChecks } = await checked(() => Promise.reject(failure));
    runtime.runNow(x(...Array.from({ length: 10 }, () => 2)), 10);
    await runChecks();
    expect(observer.compiledCheckFailed).toHaveBeenCalledWith({ ...name, reason: 'broken' });
    expect(runtime.runsNow(1)).toBe(true);
  });
});

describe('the choice at load', () => {
  it('takes the compiled form where it is cheaper', async () => {
    const runtime = await load();
    expect(runtime.describe()).toMatchObject({ executor: 'compiled' });
    expect(runtime.describe()).not.toHaveProperty('executor_reason');
    await runtime.close();
  });

  it('tells why a graph is left to onnxruntime', async () => {
    const runtime = await load(undefined, 'nearest-neighbours');
    expect(runtime.describe().executor).not.toBe('compiled');
    expect(runtime.describe().executor_reason).toContain('Scan is not compiled');
    await runtime.close();
    await expect(load('compiled', 'nearest-neighbours')).rejects.toThrow('Scan is not compiled');
  });
});
