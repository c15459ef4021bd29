import { describe, expect, it } from 'vitest';
import type { Tensor, TensorData, TensorType } from './runtime.js';
import { decodeOutputs } from './tensor-decoder.js';

const tensor = (type: TensorType, dims: number[], data: TensorData): Tensor => ({ type, dims, data });

describe('decodeOutputs', () => {
  it('gives a scalar for [N] and [N, 1], a list for [N, C], nested lists beyond', () => {
    const numbers = Float64Array.from({ length: 8 }, (_, index) => index);
    const rows = decodeOutputs(
      {
        flat: tensor('float64', [2], numbers.slice(0, 2)),
        column: tensor('float64', [2, 1], numbers.slice(0, 2)),
        list: tensor('float64', [2, 3], numbers.slice(0, 6)),
        square: tensor('float64', [2, 2, 2], numbers),
        ones: tensor('float64', [2, 2, 1], numbers.slice(0, 4)),
        none: tensor('float64', [2, 0], new Float64Array()),
      },
      2,
    );
    expect(rows).toEqual([
      { flat: 0, column: 0, list: [0, 1, 2], square: [[0, 1], [2, 3]], ones: [[0], [1]], none: [] }, // prettier-ignore
      { flat: 1, column: 1, list: [3, 4, 5], square: [[4, 5], [6, 7]], ones: [[2], [3]], none: [] }, // prettier-ignore
    ]);
  });

  it('widens float32 exactly, and gives integers as bigint, bool as boolean', () => {
    const [row] = decodeOutputs(
      {
        f: tensor('float32', [1], Float32Array.of(0.1)),
        h: tensor('float16', [1], Uint16Array.of(0x3800)),
        i: tensor('int64', [1], BigInt64Array.of(-(2n ** 62n))),
        u: tensor('uint64', [1], BigUint64Array.of(2n ** 63n)),
        b: tensor('bool', [1, 2], Uint8Array.of(0, 1)),
        t: tensor('uint8', [1], Uint8Array.of(7)),
        s: tensor('string', [1], ['é']),
      },
      1,
    );
    expect(row).toEqual({
      f: 0.10000000149011612,
      h: 0.5,
      i: -(2n ** 62n),
      u: 2n ** 63n,
      b: [false, true],
      t: 7n,
      s: 'é',
    });
  });

  it('decodes only the outputs asked for', () => {
    const tensors = { a: tensor('int8', [1], Int8Array.of(1)), b: tensor('int8', [1], Int8Array.of(2)) };
    expect(decodeOutputs(tensors, 1, ['b'])).toEqual([{ b: 2n }]);
    expect(() => decodeOutputs(tensors, 1, ['c'])).toThrow("no output 'c'");
  });

  it('refuses an output whose first dimension is not the rows', () => {
    const tensors = { mean: tensor('float32', [], Float32Array.of(1)) };
    expect(() => decodeOutputs(tensors, 2)).toThrow("'mean' has the shape [] for 2 rows");
  });
});
