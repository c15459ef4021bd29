import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../shared/clock.js';
import { Deadline } from '../../../shared/deadline.js';
import { ModelLoadError } from '../../model-load-error.js';
import { WireWriter } from '../../onnx/wire-writer.js';
import { runtimeContract } from '../../runtime.contract.js';
import type { Tensor, TensorMap } from '../../runtime.js';
import { decodeOutputs } from '../../tensor-decoder.js';
import { loadOnnxRuntime, type OnnxRuntimeOptions } from './load-onnx-runtime.js';
import { sampleInputs, seededRandom } from './sample-inputs.js';

const models = fileURLToPath(new URL('../../../../test/fixtures/models/', import.meta.url));
const observer = {
  workerStarted: vi.fn(),
  workerCrashed: vi.fn(),
  compiledChecked: vi.fn(),
  compiledCheckFailed: vi.fn(),
  compiledDropped: vi.fn(),
};
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function load(file: string, more: Partial<OnnxRuntimeOptions> = {}) {
  const runtime = await loadOnnxRuntime({
    name: { modelId: 'm', version: '1' },
    file: path.join(models, file),
    folder: path.dirname(path.join(models, file)),
    options: { worker_threshold_us: 100_000 },
    observer,
    clock: systemClock,
    ...more,
  });
  closers.push(() => runtime.close());
  return runtime;
}

async function refusal(file: string, more: Partial<OnnxRuntimeOptions> = {}): Promise<readonly string[]> {
  const error: unknown = await load(file, more).then(
    () => new Error('it was loaded'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ModelLoadError)) throw error;
  return error.problems;
}

const soon = () => new Deadline(systemClock, 10_000);
const floats = (dims: number[], values: number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

for (const executor of ['inline', 'worker'] as const) {
  runtimeContract(`onnx, ${executor}`, () => {
    const folder = models;
    return loadOnnxRuntime({
      name: { modelId: 'half-plus-two', version: '1' },
      file: path.join(folder, 'half-plus-two.onnx'),
      folder,
      options: { worker_threshold_us: 200 },
      observer,
      clock: systemClock,
      executor,
    });
  });
}

describe('loadOnnxRuntime', () => {
  const expected = JSON.parse(readFileSync(path.join(models, 'expected.json'), 'utf8')) as Record<
    string,
    { rows: number[][]; labels: unknown[]; probabilities: number[][] }
  >;

  it.each(['zipmap-ints', 'zipmap-strings', 'forest-strings', 'naive-bayes', 'nearest-neighbours'])(
    'gives the probabilities of scikit-learn for %s',
    async (file) => {
      const { rows, labels, probabilities } = expected[file] as (typeof expected)[string];
      for (const executor of ['inline', 'worker'] as const) {
        const runtime = await load(`${file}.onnx`, { executor });
        const outputs = await runtime.predictBatch({ X: floats([rows.length, 4], rows.flat()) }, rows.length, soon());
        const [label, scores] = runtime.signature.outputs.map(({ name }) => name) as [string, string];
        expect(runtime.signature.kind).toBe('classifier');
        for (const [index, row] of decodeOutputs(outputs, rows.length).entries()) {
          const got = row[label];
          expect(typeof got === 'bigint' ? Number(got) : got).toBe(labels[index]);
          for (const [at, want] of (probabilities[index] ?? []).entries()) {
            expect((row[scores] as number[])[at]).toBeCloseTo(want, 5);
          }
        }
      }
    },
  );

  it('serves every ZipMap under its own name, whoever else reads its input', async () => {
    const runtime = await load('zipmap-twice.onnx');
    const outputs = await runtime.predictBatch({ x: floats([2, 1], [0, 1]) }, 2, soon());
    expect(Object.keys(outputs)).toEqual(['label', 'scores', 'first', 'second']);
    expect(outputs['first']).toEqual(outputs['scores']);
    expect(outputs['second']).toEqual(outputs['scores']);
    expect(runtime.signature.classes).toEqual([10, 20]);
  });

  it.each(['zipmap-ml-domain-only.onnx', 'zipmap-external-data/model.onnx'])('cuts the ZipMap of %s', async (file) => {
    const runtime = await load(file);
    const { zipped } = await runtime.predictBatch({ x: floats([1, 1], [0]) }, 1, soon());
    expect(zipped).toEqual(floats([1, 2], [0.5, 0.5]));
  });

  it('carries every tensor type there and back, inline and through the thread', async () => {
    const values: TensorMap = {
      in_float32: floats([1, 2], [0.1, -0]),
      in_float64: { type: 'float64', dims: [1, 2], data: Float64Array.of(0.1, 1e300) },
      in_float16: { type: 'float16', dims: [1, 2], data: Uint16Array.of(0x3c00, 0x7bff) },
      in_int8: { type: 'int8', dims: [1, 2], data: Int8Array.of(-128, 127) },
      in_int16: { type: 'int16', dims: [1, 2], data: Int16Array.of(-32768, 32767) },
      in_int32: { type: 'int32', dims: [1, 2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
      in_int64: { type: 'int64', dims: [1, 2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
      in_uint8: { type: 'uint8', dims: [1, 2], data: Uint8Array.of(0, 255) },
      in_uint16: { type: 'uint16', dims: [1, 2], data: Uint16Array.of(0, 65535) },
      in_uint32: { type: 'uint32', dims: [1, 2], data: Uint32Array.of(0, 2 ** 32 - 1) },
      in_uint64: { type: 'uint64', dims: [1, 2], data: BigUint64Array.of(0n, 2n ** 64n - 1n) },
      in_bool: { type: 'bool', dims: [1, 2], data: Uint8Array.of(1, 0) },
      in_string: { type: 'string', dims: [1, 2], data: ['é', ''] },
    };
    for (const executor of ['inline', 'worker'] as const) {
      const runtime = await load('all-tensor-types.onnx', { executor });
      const outputs = await runtime.predictBatch(values, 1, soon());
      for (const [name, tensor] of Object.entries(values)) {
        expect({ ...outputs[name.replace('in_', 'out_')] }).toEqual(tensor);
      }
    }
  });

  it('takes text', async () => {
    const runtime = await load('string-input.onnx');
    const inputs: TensorMap = {
      amount: floats([2, 1], [0, 6]),
      region: { type: 'string', dims: [2, 1], data: ['north', 'elsewhere'] },
    };
    const { label } = await runtime.predictBatch(inputs, 2, soon());
    expect(label?.data).toEqual(BigInt64Array.of(0n, 1n));
  });

  it('measures what a run and a row cost, and takes the rows of the caller for it', async () => {
    const sample = vi.fn((_: unknown, rows: number) => ({ x: floats([rows, 1], Array<number>(rows).fill(1)) }));
    const runtime = await load('half-plus-two.onnx', { sample, executor: 'inline' });
    expect(runtime.cost?.perRunUs).toBeGreaterThan(0);
    expect(runtime.describe()).toMatchObject({
      runtime: 'onnx',
      executor: 'inline',
      cost_per_run_us: expect.any(Number),
    });
    expect(new Set(sample.mock.calls.map(([, rows]) => rows))).toEqual(new Set([1, 64]));
    expect(runtime.offLoop).toBe(false);
  });

  it('moves a model to a worker thread when a run of one row costs more than the threshold', async () => {
    const sample = (_: unknown, rows: number) => ({ x: floats([rows, 1], Array<number>(rows).fill(20_000)) });
    const runtime = await load('busy.onnx', { sample, options: { worker_threshold_us: 10 } });
    expect(runtime.offLoop).toBe(true);
    expect(runtime.describe().executor).toBe('worker');
    expect(runtime.describe().executor_reason).toMatch(/^a run of one row takes \d+ µs, more than 10; ReduceMax/);
    const { y } = await runtime.predictBatch({ x: floats([1, 1], [7]) }, 1, soon());
    expect(y?.data[0]).toBe(7);
  });

  it('lets a caller go at its deadline while the thread computes on, and answers the next', async () => {
    const runtime = await load('busy.onnx', { executor: 'worker' });
    const long = runtime.predictBatch({ x: floats([1, 1], [300_000]) }, 1, new Deadline(systemClock, 20));
    await expect(long).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    const { y } = await runtime.predictBatch({ x: floats([1, 1], [3]) }, 1, soon());
    expect(y?.data[0]).toBe(3);
  });

  it('loads a large model in a worker thread at once', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'onnx-large-'));
    closers.push(() => rm(folder, { recursive: true }));
    const docString = new WireWriter().bytes(6, new Uint8Array(9 * 2 ** 20).fill(32)).finish();
    const file = path.join(folder, 'model.onnx');
    await writeFile(file, [readFileSync(path.join(models, 'half-plus-two.onnx')), docString]);
    const runtime = await load('', { file, folder });
    expect(runtime.describe()).toMatchObject({
      executor: 'worker',
      executor_reason: 'the model has 10 MiB: loading it would stop the event loop',
    });
  });

  it('runs one row at a time where the graph says so', async () => {
    const runtime = await load('fixed-batch-one.onnx');
    expect(runtime.maxRows).toBe(1);
    expect((await runtime.predictBatch({ x: floats([1, 1], [4]) }, 1, soon()))['y']?.data[0]).toBe(4);
  });

  it('loads a model that refuses the made-up rows, unmeasured', async () => {
    const sample = (_: unknown, rows: number): TensorMap => ({
      index: { type: 'int64', dims: [rows], data: new BigInt64Array(rows).fill(99n) },
    });
    const runtime = await load('poison-row.onnx', { sample });
    expect(runtime.cost).toBeUndefined();
    expect(runtime.describe().executor_reason).toMatch(/^not measured/);
    expect(runtime.describe().executor_reason).not.toMatch(/\.cc|\.h:|onnxruntime_src/);
    const index: Tensor = { type: 'int64', dims: [1], data: BigInt64Array.of(2n) };
    expect((await runtime.predictBatch({ index }, 1, soon()))['y']?.data[0]).toBe(12);
  });

  it('leaves out outputs that cannot be told apart by row, with a note', async () => {
    const runtime = await load('not-per-row.onnx');
    expect(runtime.signature.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(runtime.notes).toEqual([
      "output 'mean' has the shape [] for 64 rows: its first dimension is not the rows, so it is left out",
    ]);
  });

  it('leaves out sequences, with a note', async () => {
    const runtime = await load('sequence-and-tensor.onnx');
    expect(runtime.signature.outputs.map(({ name }) => name)).toEqual(['y']);
    expect(runtime.notes).toEqual(["output 'parts' is a sequence, which cannot be served: export it as a tensor"]);
  });

  it('reads external data beside the model', async () => {
    for (const executor of ['inline', 'worker'] as const) {
      const runtime = await load('external-data-good/model.onnx', { executor });
      const { y } = await runtime.predictBatch({ x: floats([1, 2], [1, 10]) }, 1, soon());
      expect(y?.data[0]).toBe(32);
    }
  });

  const broken: [string, string][] = [
    ['empty.onnx', 'is empty'],
    ['not-onnx.txt', 'is not an ONNX file'],
    ['truncated.onnx', 'is truncated'],
    ['git-lfs-pointer.onnx', 'git lfs pull'],
    ['pickle.onnx', 'skl2onnx'],
    ['nowhere.onnx', 'cannot be read (ENOENT)'],
    ['no-outputs.onnx', 'the graph has no outputs'],
    ['no-output-per-row.onnx', "output 'mean' has the shape [] for 64 rows: its first dimension is not the rows"],
    ['sequence-output.onnx', "output 'parts' is a sequence"],
    ['bfloat16-input.onnx', "input 'x' is a tensor of element type bfloat16"],
    ['unknown-operator.onnx', "node 'frob' uses the operator Frobnicate, which operator set 15 does not have"],
    ['unknown-domain.onnx', "node 'fancy' uses the operator Fancy of domain 'com.example'"],
    ['too-new-opset.onnx', 'operator set 99 of ai.onnx is too new for onnxruntime 1.30.0'],
    ['too-new-ir.onnx', 'the file has IR version 99'],
    ['dangling-input.onnx', "node 'add' reads 'nowhere', which nothing in the graph makes"],
    ['wrong-type.onnx', 'Type parameter (T) of Optype (Add)'],
    ['external-data-outside/model.onnx', 'outside of the version’s folder'],
    ['external-data-absolute/model.onnx', 'outside of the version’s folder'],
    ['external-data-missing/model.onnx', "in 'weights.bin', which cannot be read"],
  ];
  it.each(broken)('says what is wrong with %s: %s', async (file, words) => {
    for (const executor of ['inline', 'worker'] as const) {
      const problems = await refusal(file, { executor });
      expect(problems).toEqual([expect.stringContaining(words)]);
      expect(problems.join()).not.toMatch(/\.cc|\.h:|onnxruntime_src|onnxruntime::/);
      expect(problems.join()).not.toContain(models);
    }
  });

  it('refuses external data behind a link that leaves the folder, and what is no file', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'onnx-link-'));
    closers.push(() => rm(folder, { recursive: true }));
    await cp(path.join(models, 'external-data-good'), folder, { recursive: true });
    const weights = path.join(folder, 'weights.bin');
    await unlink(weights);
    await symlink(path.join(models, 'external-data-good/weights.bin'), weights);
    const where = { file: path.join(folder, 'model.onnx'), folder };
    expect(await refusal('', where)).toEqual([expect.stringContaining('a link that leaves the version’s folder')]);
    await unlink(weights);
    await symlink('..', weights);
    expect(await refusal('', where)).toEqual([expect.stringContaining('which is not a file')]);
  });
});

describe('sampleInputs', () => {
  it('makes up rows of every type, the same for the same seed', () => {
    const types = ['float32', 'float64', 'float16', 'int8', 'int64', 'uint64', 'uint32', 'bool', 'string'] as const;
    const specs = types.map((type) => ({ name: type, type, dims: [null, 3, null] }));
    const made = sampleInputs(specs, 4, seededRandom(7));
    expect(made).toEqual(sampleInputs(specs, 4, seededRandom(7)));
    expect(made).not.toEqual(sampleInputs(specs, 4, seededRandom(8)));
    for (const type of types) {
      expect(made[type]).toMatchObject({ type, dims: [4, 3, 1] });
      expect(made[type]?.data).toHaveLength(12);
    }
    expect(new Set(made['float32']?.data as Float32Array).size).toBe(12);
  });
});
