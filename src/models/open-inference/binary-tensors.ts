import type { Tensor, TensorData, TensorType } from '../runtime.js';
import { elementsOf, TensorFormatError } from './datatypes.js';

/** Where tensor elements lie in memory as they do on the wire: little-endian, as on every machine that Node.js 20 is built for but s390x. */
const arrays = {
  bool: Uint8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lengthBytes = 4;

/** Of one element in raw form; a text has no size of its own. */
export function elementBytes(type: Exclude<TensorType, 'string'>): number {
  return arrays[type].BYTES_PER_ELEMENT;
}

/** The raw form of the Open Inference Protocol's binary extension: row-major, little-endian, BYTES with a 4-byte length before each element. */
export function toBinary({ type, data }: Tensor): Buffer {
  if (type === 'string') return textsToBinary(data as readonly string[]);
  const { buffer, byteOffset, byteLength } = data as Exclude<TensorData, string[]>;
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** @throws TensorFormatError when the bytes do not fill the shape exactly */
export function fromBinary(type: TensorType, dims: readonly number[], bytes: Uint8Array): Tensor {
  const count = elementsOf(dims);
  if (Number.isNaN(count)) throw new TensorFormatError('its shape is not a list of whole numbers from 0');
  if (type === 'string') return { type, dims, data: textsOf(bytes, count) };
  const Elements = arrays[type];
  if (bytes.byteLength !== count * Elements.BYTES_PER_ELEMENT) {
    const wanted = count * Elements.BYTES_PER_ELEMENT;
    throw new TensorFormatError(`its shape needs ${wanted} bytes, there are ${bytes.byteLength}`);
  }
  // A copy: what comes in is part of a larger buffer, and not aligned.
  const data = new Elements(Uint8Array.from(bytes).buffer);
  if (type === 'bool' && (data as Uint8Array).some((value) => value > 1)) {
    throw new TensorFormatError('a BOOL is 0 or 1');
  }
  return { type, dims, data };
}

function textsToBinary(texts: readonly string[]): Buffer {
  const parts = texts.flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}

function textsOf(bytes: Uint8Array, count: number): string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  let at = 0;
  while (at < buffer.length) {
    if (texts.length === count) throw new TensorFormatError(`it holds more than the ${count} texts of its shape`);
    if (at + lengthBytes > buffer.length) throw new TensorFormatError('its last length is cut off');
    const end = at + lengthBytes + buffer.readUInt32LE(at);
    if (end > buffer.length) throw new TensorFormatError('its last text is cut off');
    texts.push(textOf(buffer.subarray(at + lengthBytes, end)));
    at = end;
  }
  if (texts.length < count) throw new TensorFormatError(`its shape needs ${count} texts, there are ${texts.length}`);
  return texts;
}

/** @throws TensorFormatError for bytes that are no UTF-8: models here take text only */
export function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (error) {
    throw new TensorFormatError('a BYTES element is not UTF-8', { cause: error });
  }
}
