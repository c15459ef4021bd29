import type { TensorType } from '../runtime.js';

/** Element types of the Open Inference Protocol by ours. BF16, which tabular models do not use, has no counterpart. */
export const datatypes = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
} as const satisfies Record<TensorType, string>;

const types = new Map(Object.entries(datatypes).map(([type, datatype]) => [datatype as string, type as TensorType]));

export function datatypeOf(type: TensorType): string {
  return datatypes[type];
}

/** undefined for a datatype that no tensor here can have. */
export function tensorTypeOf(datatype: string): TensorType | undefined {
  return types.get(datatype);
}

/** Elements of a tensor of this shape; NaN where a dimension is no whole number from 0 or the product is beyond counting. */
export function elementsOf(shape: readonly number[]): number {
  const product = shape.reduce(
    (total, dimension) => total * (Number.isInteger(dimension) && dimension >= 0 ? dimension : NaN),
    1,
  );
  return Number.isSafeInteger(product) ? product : NaN;
}

/** Bytes on the wire that are no tensor of the shape and type that they are said to have, in words for who sent them. */
export class TensorFormatError extends Error {
  override readonly name = 'TensorFormatError';
}
