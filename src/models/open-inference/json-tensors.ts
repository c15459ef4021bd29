import { jsonTypeOf } from '../../shared/json.js';
import type { Tensor, TensorData, TensorType } from '../runtime.js';
import { fromFloat16, toFloat16 } from '../tensor-float16.js';
import { tensorRanges } from '../tensor-range.js';
import { datatypeOf, elementsOf, TensorFormatError } from './datatypes.js';

/**
 * The elements as a flat JSON list. NaN and the infinities, which JSON lacks, become null, as MLServer writes them; 64-bit integers
 * keep all their digits.
 */
export function toJsonList({ type, data }: Tensor): string {
  switch (type) {
    case 'string':
      return JSON.stringify(data);
    case 'bool':
      return `[${Array.from(data as Uint8Array, (value) => value === 1).join(',')}]`;
    case 'float16':
      return JSON.stringify(Array.from(data as Uint16Array, fromFloat16));
    case 'int64':
    case 'uint64':
      return `[${(data as BigInt64Array).join(',')}]`;
    default:
      return JSON.stringify(Array.from(data as Float32Array));
  }
}

/**
 * `data` of a tensor in JSON: flat, or nested to the shape. Nothing is coerced.
 * @throws TensorFormatError when it does not fill the shape with elements of the type
 */
export function fromJsonList(type: TensorType, dims: readonly number[], data: unknown): Tensor {
  const count = elementsOf(dims);
  if (Number.isNaN(count)) throw new TensorFormatError('its shape is not a list of whole numbers from 0');
  if (!Array.isArray(data)) throw new TensorFormatError(`its data must be a list, not ${jsonTypeOf(data)}`);
  const flat = Array.isArray(data[0]) ? flattened(data, dims) : (data as readonly unknown[]);
  if (flat.length !== count) throw new TensorFormatError(`its shape needs ${count} elements, there are ${flat.length}`);
  return { type, dims, data: elements(type, flat) };
}

function flattened(data: readonly unknown[], dims: readonly number[]): unknown[] {
  let level: readonly unknown[] = [data];
  for (const dimension of dims) {
    level = level.flatMap((part) => {
      if (Array.isArray(part) && part.length === dimension) return part as unknown[];
      throw new TensorFormatError(`its data is nested, but not to the shape [${dims.join(', ')}]`);
    });
  }
  return [...level];
}

function elements(type: TensorType, flat: readonly unknown[]): TensorData {
  switch (type) {
    case 'string':
      return flat.map(text);
    case 'bool':
      return Uint8Array.from(flat, boolean);
    case 'int64':
      return BigInt64Array.from(flat, (value) => BigInt(integer(value, type)));
    case 'uint64':
      return BigUint64Array.from(flat, (value) => BigInt(integer(value, type)));
    case 'float64':
      return Float64Array.from(flat, (value) => float(value, type));
    case 'float32':
      return Float32Array.from(flat, (value) => float(value, type));
    case 'float16':
      return Uint16Array.from(flat, (value) => toFloat16(float(value, type)));
    default:
      return new integerArrays[type](flat.map((value) => integer(value, type)));
  }
}

const integerArrays = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
} as const;

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw wrongElement('string', value);
}

function boolean(value: unknown): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  throw wrongElement('bool', value);
}

function integer(value: unknown, type: TensorType): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw wrongElement(type, value);
  if (!Number.isSafeInteger(value)) {
    throw new TensorFormatError('an integer is beyond 2^53, where JSON loses digits: send the tensor in binary form');
  }
  return within(value, type);
}

/** null stands for NaN. */
function float(value: unknown, type: TensorType): number {
  if (value === null) return Number.NaN;
  if (typeof value !== 'number') throw wrongElement(type, value);
  return within(value, type);
}

function within(value: number, type: TensorType): number {
  const range = tensorRanges[type];
  if (range === undefined || (value >= range.min && value <= range.max)) return value;
  throw new TensorFormatError(`an element is beyond what ${datatypeOf(type)} can hold`);
}

function wrongElement(type: TensorType, value: unknown): TensorFormatError {
  return new TensorFormatError(`an element of ${datatypeOf(type)} is ${jsonTypeOf(value)}`);
}
