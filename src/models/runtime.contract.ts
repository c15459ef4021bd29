import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import type { Runtime, TensorMap } from './runtime.js';

/** Makes a runtime of y = x / 2 + 2, x and y being float32 [N, 1]. */
export type HalfPlusTwo = () => Promise<Runtime>;

const column = (...values: number[]): TensorMap => ({
  x: { type: 'float32', dims: [values.length, 1], data: Float32Array.from(values) },
});
const soon = () => new Deadline(systemClock, 10_000);

/** What every runtime keeps, wherever it computes. */
export function runtimeContract(where: string, make: HalfPlusTwo): void {
  describe(`runtime contract: ${where}`, () => {
    let runtime: Runtime;
    beforeAll(async () => {
      runtime = await make();
    });
    afterAll(() => runtime.close());

    it('tells its inputs and outputs, the rows as a dimension that varies', () => {
      expect(runtime.signature.inputs).toEqual([{ name: 'x', type: 'float32', dims: [null, 1] }]);
      expect(runtime.signature.outputs).toEqual([{ name: 'y', type: 'float32', dims: [null, 1] }]);
    });

    it.each([1, 2, 7, 256])('answers %i rows in their order', async (rows) => {
      const values = Array.from({ length: rows }, (_, row) => row * 3);
      const { y } = await runtime.predictBatch(column(...values), rows, soon());
      expect(y?.dims).toEqual([rows, 1]);
      expect([...(y?.data as Float32Array)]).toEqual(values.map((value) => value / 2 + 2));
    });

    it('answers overlapping calls each for itself', async () => {
      const calls = [1, 2, 3, 4].map((value) => runtime.predictBatch(column(value), 1, soon()));
      const answers = await Promise.all(calls);
      expect(answers.map(({ y }) => y?.data[0])).toEqual([2.5, 3, 3.5, 4]);
    });

    it('may be given the same tensors again', async () => {
      const inputs = column(6);
      await runtime.predictBatch(inputs, 1, soon());
      expect((await runtime.predictBatch(inputs, 1, soon()))['y']?.data[0]).toBe(5);
    });

    it.each([
      ['no rows', column(), 0],
      ['a number of rows that is none', column(1), 1.5],
      ['tensors of no rows', column(), 1],
      ['more rows than said', column(1, 2), 1],
      ['a missing input', {}, 1],
      ['a wrong type', { x: { type: 'float64', dims: [1, 1], data: Float64Array.of(1) } }, 1],
      ['a wrong width', { x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } }, 1],
    ] as const)('refuses %s with INTERNAL_ERROR, and goes on', async (_, inputs, rows) => {
      await expect(runtime.predictBatch(inputs, rows, soon())).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
      expect((await runtime.predictBatch(column(2), 1, soon()))['y']?.data[0]).toBe(3);
    });

    it('refuses a call whose time is up, or whose caller has gone', async () => {
      const over = new Deadline(systemClock, 0);
      await expect(runtime.predictBatch(column(1), 1, over)).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
      const gone = new Deadline(systemClock, 10_000, { gone: true, cancel: AbortSignal.abort() });
      await expect(runtime.predictBatch(column(1), 1, gone)).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    });

    it('says how it computes', () => {
      const description = runtime.describe();
      expect(description.runtime).not.toBe('');
      expect(description.executor).not.toBe('');
    });

    it('answers the calls in flight when it is closed, then refuses', async () => {
      const closing = await make();
      const calls = [1, 2, 3].map((value) => closing.predictBatch(column(value), 1, soon()));
      const closed = Promise.all([closing.close(), closing.close()]);
      await expect(closing.predictBatch(column(1), 1, soon())).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      expect((await Promise.all(calls)).map(({ y }) => y?.data[0])).toEqual([2.5, 3, 3.5]);
      await closed;
    });
  });
}
