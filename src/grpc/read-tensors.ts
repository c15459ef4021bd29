import {
  elementsOf,
  fromBinary,
  fromJsonList,
  TensorFormatError,
  tensorTypeOf,
  textOf,
  type Tensor,
  type TensorType,
} from '../models/index.js';
import type { TensorRequest } from '../prediction/index.js';
import { ServiceError } from '../shared/errors.js';
import type { InferMessage, TensorContents, TensorMessage } from './messages.js';

/** Reads the tensors of a ModelInfer: raw, or typed, never both. @throws ServiceError INVALID_REQUEST */
export function readInferMessage(message: InferMessage): TensorRequest {
  const { inputs, outputs, raw_input_contents: raw } = message;
  if (raw.length > 0 && raw.length !== inputs.length) throw refused('There must be one raw content for each input');
  const tensors = Object.create(null) as Record<string, Tensor>;
  inputs.forEach((input, index) => {
    if (tensors[input.name] !== undefined) throw refused(`inputs/${index} has the name of another`);
    tensors[input.name] = readTensor(input, index, raw[index]);
  });
  return {
    inputs: tensors,
    outputs: outputs.length === 0 ? undefined : outputs.map(({ name }) => name),
    timeoutMs: timeoutOf(message),
  };
}

/** The parameter `timeout`, microseconds; 0 for no wish of the caller's. */
function timeoutOf({ parameters }: InferMessage): number | undefined {
  const { int64_param: signed, uint64_param: unsigned } = parameters['timeout'] ?? {};
  const timeout = Number(signed ?? unsigned ?? 0);
  return timeout > 0 ? timeout / 1000 : undefined;
}

function readTensor(message: TensorMessage, index: number, raw: Uint8Array | undefined): Tensor {
  const { datatype, shape, contents } = message;
  const type = tensorTypeOf(datatype);
  if (type === undefined) throw refused(`inputs/${index} has no datatype that is known`);
  const dims = shape.map(Number);
  try {
    if (raw !== undefined) {
      if (contents !== null && lengthOf(contents) > 0) throw new TensorFormatError('it has raw and typed contents');
      return fromBinary(type, dims, raw);
    }
    if (contents === null) throw new TensorFormatError('it has no contents');
    return fromContents(type, dims, contents);
  } catch (error) {
    if (error instanceof TensorFormatError) throw refused(`inputs/${index}: ${error.message}`);
    throw error;
  }
}

function lengthOf(contents: TensorContents): number {
  const lists = Object.values(contents) as readonly (readonly unknown[])[];
  return lists.reduce((sum, list) => sum + list.length, 0);
}

function fromContents(type: TensorType, dims: readonly number[], contents: TensorContents): Tensor {
  switch (type) {
    case 'float16':
      throw new TensorFormatError('FP16 has raw contents only');
    case 'int64':
      return wide(dims, { type, data: BigInt64Array.from(contents.int64_contents, BigInt) });
    case 'uint64':
      return wide(dims, { type, data: BigUint64Array.from(contents.uint64_contents, BigInt) });
    case 'float32':
      // Not by way of JSON's rules: the infinities and NaN are what they are here.
      return wide(dims, { type, data: Float32Array.from(contents.fp32_contents) });
    case 'float64':
      return wide(dims, { type, data: Float64Array.from(contents.fp64_contents) });
    case 'string':
      return wide(dims, { type, data: contents.bytes_contents.map(textOf) });
    case 'bool':
      return fromJsonList(type, dims, contents.bool_contents);
    default:
      return fromJsonList(type, dims, type.startsWith('u') ? contents.uint_contents : contents.int_contents);
  }
}

function wide(dims: readonly number[], { type, data }: Pick<Tensor, 'type' | 'data'>): Tensor {
  const count = elementsOf(dims);
  if (data.length === count) return { type, dims, data };
  throw new TensorFormatError(`its shape needs ${count} elements, there are ${data.length}`);
}

function refused(message: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', message);
}
