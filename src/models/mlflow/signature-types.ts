import type { TensorType } from '../runtime.js';

/** Types of MLflow's columns that a feature can have. Left out: binary, array, object, map, any. */
export const columnTypes: ReadonlyMap<string, TensorType> = new Map([
  ['boolean', 'bool'],
  ['integer', 'int32'],
  ['long', 'int64'],
  ['float', 'float32'],
  ['double', 'float64'],
  ['string', 'string'],
  ['datetime', 'string'],
]);

/** NumPy's names of element types. */
export const tensorTypes: ReadonlyMap<string, TensorType> = new Map([
  ['bool', 'bool'],
  ['int8', 'int8'],
  ['int16', 'int16'],
  ['int32', 'int32'],
  ['int64', 'int64'],
  ['uint8', 'uint8'],
  ['uint16', 'uint16'],
  ['uint32', 'uint32'],
  ['uint64', 'uint64'],
  ['float16', 'float16'],
  ['float32', 'float32'],
  ['float64', 'float64'],
  ['object', 'string'],
  ['str', 'string'],
]);
