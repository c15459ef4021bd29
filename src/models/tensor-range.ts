import type { NumberRange } from './tensor-types.js';
import type { TensorType } from './runtime.js';

const safe = Number.MAX_SAFE_INTEGER;

/**
 * What a number fed from JSON may be so that the tensor holds it: no overflow to infinity, no wrap-around, no integer
 * that JSON has already rounded. undefined for `bool` and `string`, which take no numbers.
 */
export const tensorRanges: Readonly<Record<TensorType, NumberRange | undefined>> = {
  float16: { min: -65_504, max: 65_504 },
  float32: { min: -3.4028234663852886e38, max: 3.4028234663852886e38 },
  float64: { min: -Number.MAX_VALUE, max: Number.MAX_VALUE },
  int8: { min: -128, max: 127 },
  int16: { min: -32_768, max: 32_767 },
  int32: { min: -2_147_483_648, max: 2_147_483_647 },
  int64: { min: -safe, max: safe },
  uint8: { min: 0, max: 255 },
  uint16: { min: 0, max: 65_535 },
  uint32: { min: 0, max: 4_294_967_295 },
  uint64: { min: 0, max: safe },
  bool: undefined,
  string: undefined,
};

export function isFloat(type: TensorType): boolean {
  return type === 'float32' || type === 'float64' || type === 'float16';
}

/** What both ranges allow. */
export function intersection(a: NumberRange, b: NumberRange): NumberRange {
  return { min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) };
}
