import {
  elementBytes,
  fromBinary,
  TensorFormatError,
  textOf,
  type GraphSignature,
  type Tensor,
} from '../../models/index.js';
import { ServiceError } from '../../shared/errors.js';
import type { InferBody } from './infer-body.js';

/**
 * A raw request (Triton's binary tensor extension): the whole body is the one input of the model, for one row; its type and shape are the
 * model's, and every output comes back in binary form. A text is its bytes, without the length before them.
 * @throws ServiceError INVALID_REQUEST
 */
export function readRawBody(body: Buffer, { inputs }: GraphSignature): InferBody {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0)
    throw refused(`a raw request is for models of one input, this one has ${inputs.length}`);
  const dims = input.dims.map((dimension, at) => (at === 0 && dimension === null ? 1 : dimension));
  return {
    request: { inputs: { [input.name]: tensorOf(input.type, dims, body) }, outputs: undefined, timeoutMs: undefined },
    id: undefined,
    isBinary: () => true,
  };
}

function tensorOf(type: Tensor['type'], dims: readonly (number | null)[], body: Buffer): Tensor {
  try {
    if (type === 'string') return textTensor(dims, body);
    if (dims.filter((dimension) => dimension === null).length > 1) {
      throw new TensorFormatError('its shape cannot be told, as several of its dimensions vary');
    }
    const fixed = dims.reduce<number>((product, dimension) => product * (dimension ?? 1), elementBytes(type));
    const shape = dims.map((dimension) => dimension ?? Math.floor(body.length / Math.max(1, fixed)));
    return fromBinary(type, shape, body);
  } catch (error) {
    if (error instanceof TensorFormatError) throw refused(error.message);
    throw error;
  }
}

function textTensor(dims: readonly (number | null)[], body: Buffer): Tensor {
  const shape = dims.map((dimension) => dimension ?? 1);
  if (shape.some((dimension) => dimension !== 1)) throw new TensorFormatError('it holds one text, the input several');
  return { type: 'string', dims: shape, data: [textOf(body)] };
}

function refused(why: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', `The raw body is no tensor of the model: ${why}`);
}
