import { onnxElementType, type OnnxTensor, type OnnxTensorData } from './graph.js';
import { OnnxFormatError } from './onnx-format-error.js';
import { elementCount, readerOf, readFixed, readInt64s, readStrings, type MessageRange } from './repeated-numbers.js';
import type { WireReader } from './wire-reader.js';

/** Fields of TensorProto and of the StringStringEntryProto in `external_data`. */
const tensorField = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const;
const entryField = { key: 1, value: 2 } as const;
const locationExternal = 1;

interface TensorHead {
  name: string;
  elementType: number;
  dims: number[];
  external: boolean;
  location: string;
  raw: Uint8Array | undefined;
}

/** A TensorProto, its data left where they are, and the file that holds them when it is another one. */
export interface ReadTensor {
  readonly tensor: OnnxTensor;
  readonly location: string | undefined;
}

/** @throws OnnxFormatError */
export function readTensor(range: MessageRange): ReadTensor {
  const head: TensorHead = { name: '', elementType: 0, dims: [], external: false, location: '', raw: undefined };
  const reader = readerOf(range);
  while (reader.next()) readHead(reader, head);
  return { tensor: lazyTensor(head, range), location: head.external ? head.location : undefined };
}

function readHead(reader: WireReader, head: TensorHead): void {
  switch (reader.field) {
    case tensorField.dims:
      reader.eachVarint((varint) => head.dims.push((varint.high | 0) * 2 ** 32 + varint.low));
      break;
    case tensorField.dataType:
      head.elementType = reader.integer();
      break;
    case tensorField.name:
      head.name = reader.string();
      break;
    case tensorField.rawData:
      head.raw = reader.slice();
      break;
    case tensorField.externalData:
      readEntry(reader.message(), head);
      break;
    case tensorField.dataLocation:
      head.external = reader.integer() === locationExternal;
      break;
  }
}

function readEntry(reader: WireReader, head: TensorHead): void {
  let key = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === entryField.key) key = reader.string();
    if (reader.field === entryField.value) value = reader.string();
  }
  if (key === 'location') head.location = value;
}

function lazyTensor(head: TensorHead, range: MessageRange): OnnxTensor {
  let decoded: OnnxTensorData | undefined;
  return {
    name: head.name,
    elementType: head.elementType,
    dims: head.dims,
    external: head.external,
    data: () => (decoded ??= decode(head, range)),
  };
}

function decode(head: TensorHead, range: MessageRange): OnnxTensorData {
  const { name, external, raw } = head;
  if (external) throw new OnnxFormatError(`keeps the data of tensor '${name}' in another file`);
  const count = elementCount(head.dims, name);
  const data = raw === undefined ? decodeTyped(head, range) : decodeRaw(head, raw);
  if (data === undefined)
    throw new OnnxFormatError(`gives tensor '${name}' the unknown element type ${head.elementType}`);
  if (data.length !== count) {
    throw new OnnxFormatError(`gives tensor '${name}' ${data.length} elements where its dims say ${count}`);
  }
  return data;
}

const arrays = {
  [onnxElementType.float32]: Float32Array,
  [onnxElementType.float64]: Float64Array,
  [onnxElementType.int8]: Int8Array,
  [onnxElementType.int16]: Int16Array,
  [onnxElementType.int32]: Int32Array,
  [onnxElementType.int64]: BigInt64Array,
  [onnxElementType.uint8]: Uint8Array,
  [onnxElementType.uint16]: Uint16Array,
  [onnxElementType.uint32]: Uint32Array,
  [onnxElementType.uint64]: BigUint64Array,
  [onnxElementType.bool]: Uint8Array,
  [onnxElementType.float16]: Uint16Array,
} as const;

/** raw_data is little-endian, as are all machines that onnxruntime runs on; copied once, so that it is aligned. */
function decodeRaw(head: TensorHead, raw: Uint8Array): OnnxTensorData | undefined {
  const arrayType = arrays[head.elementType as keyof typeof arrays];
  if (arrayType === undefined) return undefined;
  if (raw.length % arrayType.BYTES_PER_ELEMENT !== 0) {
    throw new OnnxFormatError(`gives tensor '${head.name}' data that end within an element`);
  }
  return new arrayType(new Uint8Array(raw).buffer);
}

function decodeTyped(head: TensorHead, range: MessageRange): OnnxTensorData | undefined {
  switch (head.elementType) {
    case onnxElementType.float32:
      return new Float32Array(readFixed(range, tensorField.floatData, 4).buffer);
    case onnxElementType.float64:
      return new Float64Array(readFixed(range, tensorField.doubleData, 8).buffer);
    case onnxElementType.string:
      return readStrings(range, tensorField.stringData);
    case onnxElementType.int64:
      return readInt64s(range, tensorField.int64Data);
    case onnxElementType.uint64:
      return new BigUint64Array(readInt64s(range, tensorField.uint64Data).buffer);
    case onnxElementType.uint32:
      return narrowed(readInt64s(range, tensorField.uint64Data), Uint32Array);
    default: {
      const arrayType = arrays[head.elementType as keyof typeof arrays];
      return arrayType && narrowed(readInt64s(range, tensorField.int32Data), arrayType as typeof Int32Array);
    }
  }
}

/** The low halves of 64-bit integers: protobuf keeps small integers in int32_data, negative ones sign-extended. */
function narrowed<T extends { [index: number]: number }>(
  wide: BigInt64Array<ArrayBuffer>,
  arrayType: new (length: number) => T,
): T {
  const halves = new Uint32Array(wide.buffer);
  const values = new arrayType(wide.length);
  for (let index = 0; index < wide.length; index++) values[index] = halves[index * 2] as number;
  return values;
}
