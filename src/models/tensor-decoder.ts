import { ServiceError } from '../shared/errors.js';
import type { Tensor, TensorMap } from './runtime.js';
import { fromFloat16 } from './tensor-float16.js';
import type { OutputScalar, OutputValue, RowOutputs } from './tensor-types.js';

/**
 * Tensors [rows, …] → the outputs of each row, in order: every tensor, or those in `names`.
 * @throws ServiceError INTERNAL_ERROR when a tensor is absent or its first dimension is not the rows
 */
export function decodeOutputs(tensors: TensorMap, rows: number, names = Object.keys(tensors)): RowOutputs[] {
  const decoded: Record<string, OutputValue>[] = [];
  for (let row = 0; row < rows; row++) decoded.push({});
  for (const name of names) {
    const tensor = tensors[name];
    if (tensor === undefined) throw new ServiceError('INTERNAL_ERROR', `The model gave no output '${name}'`);
    decodeTensor(name, tensor, decoded);
  }
  return decoded;
}

function decodeTensor(name: string, tensor: Tensor, rows: Record<string, OutputValue>[]): void {
  const [first, ...rest] = tensor.dims;
  if (first !== rows.length) {
    throw new ServiceError(
      'INTERNAL_ERROR',
      `The model's output '${name}' has the shape [${tensor.dims.join(', ')}] for ${rows.length} rows`,
    );
  }
  const read = readerOf(tensor);
  const width = rest.reduce((product, dim) => product * dim, 1);
  let start = 0;
  for (const row of rows) {
    row[name] = rowValue(read, rest, { start, width });
    start += width;
  }
}

type Read = (at: number) => OutputScalar;

function readerOf({ type, data }: Tensor): Read {
  switch (type) {
    case 'bool':
      return (at) => data[at] === 1;
    case 'float16':
      return (at) => fromFloat16(data[at] as number);
    case 'float32':
    case 'float64':
    case 'string':
    case 'int64':
    case 'uint64':
      return (at) => data[at] as OutputScalar;
    default:
      return (at) => BigInt(data[at] as number);
  }
}

function rowValue(read: Read, dims: readonly number[], place: { start: number; width: number }): OutputValue {
  if (dims.length === 0 || (dims.length === 1 && dims[0] === 1)) return read(place.start);
  if (dims.length === 1) {
    const list = new Array<OutputScalar>(place.width);
    for (let at = 0; at < place.width; at++) list[at] = read(place.start + at);
    return list;
  }
  const [count = 0, ...rest] = dims;
  const width = count === 0 ? 0 : place.width / count;
  return Array.from({ length: count }, (_, at) => nested(read, rest, { start: place.start + at * width, width }));
}

/** Within a row a last dimension of 1 stays a list: only a whole row of one element is a scalar. */
function nested(read: Read, dims: readonly number[], place: { start: number; width: number }): OutputValue {
  if (dims.length === 1 && dims[0] === 1) return [read(place.start)];
  return rowValue(read, dims, place);
}
