import type { Tensor, TensorData, TensorMap, TensorSpec, TensorType } from '../../runtime.js';
import { toFloat16 } from '../../tensor-float16.js';

/** Numbers in [0, 1). */
export type Random = () => number;

/** A small generator that always gives the same numbers (mulberry32): a measurement can be repeated. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Rows made up from the types alone: floats of both signs over five orders of magnitude, small integers, short words. They vary, because
 * a tree that always takes the same way is timed too fast. A dimension that is not known is 1.
 */
export function sampleInputs(specs: readonly TensorSpec[], rows: number, random: Random): TensorMap {
  const tensors: Record<string, Tensor> = {};
  for (const { name, type, dims } of specs) {
    const shape = [rows, ...dims.slice(1).map((dim) => dim ?? 1)];
    const length = shape.reduce((product, dim) => product * dim, 1);
    tensors[name] = { type, dims: shape, data: fill(type, length, random) };
  }
  return tensors;
}

const integerArrays = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
} as const;
const words = ['a', 'b', 'north', 'south', 'yes', 'no', '', '1'];

function fill(type: TensorType, length: number, random: Random): TensorData {
  const float = () => (random() < 0.3 ? -1 : 1) * 10 ** (random() * 5 - 2);
  const integer = () => Math.floor(random() * 4);
  switch (type) {
    case 'float32':
      return Float32Array.from({ length }, float);
    case 'float64':
      return Float64Array.from({ length }, float);
    case 'float16':
      return Uint16Array.from({ length }, () => toFloat16(float()));
    case 'int64':
      return BigInt64Array.from({ length }, () => BigInt(integer()));
    case 'uint64':
      return BigUint64Array.from({ length }, () => BigInt(integer()));
    case 'bool':
      return Uint8Array.from({ length }, () => integer() & 1);
    case 'string':
      return Array.from({ length }, () => words[Math.floor(random() * words.length)] ?? '');
    default: {
      const data = new integerArrays[type](length);
      for (let at = 0; at < length; at++) data[at] = integer();
      return data;
    }
  }
}
