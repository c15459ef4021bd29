import { OnnxFormatError } from './onnx-format-error.js';
import { WireReader } from './wire-reader.js';

/** Where a message stands in the file, to be read when it is needed. */
export interface MessageRange {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly stop: number;
}

export function readerOf(range: MessageRange): WireReader {
  return new WireReader(range.bytes, range.start, range.stop);
}

/** All varints of a repeated field as 64-bit integers: pairs of 32-bit halves, without one bigint on the way. */
export function readInt64s(range: MessageRange, field: number): BigInt64Array<ArrayBuffer> {
  let count = 0;
  eachField(range, field, (reader) => reader.eachVarint(() => count++));
  const values = new BigInt64Array(count);
  const halves = new Uint32Array(values.buffer);
  let at = 0;
  eachField(range, field, (reader) =>
    reader.eachVarint((varint) => {
      halves[at++] = varint.low;
      halves[at++] = varint.high;
    }),
  );
  return values;
}

/** All values of a repeated float (4) or double (8) field, as their bytes. */
export function readFixed(range: MessageRange, field: number, size: 4 | 8): Uint8Array<ArrayBuffer> {
  let length = 0;
  eachField(range, field, (reader) => (length += reader.fixed(size).length));
  const joined = new Uint8Array(length);
  let at = 0;
  eachField(range, field, (reader) => {
    const part = reader.fixed(size);
    joined.set(part, at);
    at += part.length;
  });
  return joined;
}

export function readStrings(range: MessageRange, field: number): string[] {
  const values: string[] = [];
  eachField(range, field, (reader) => values.push(reader.string()));
  return values;
}

function eachField(range: MessageRange, field: number, take: (reader: WireReader) => void): void {
  const reader = readerOf(range);
  while (reader.next()) if (reader.field === field) take(reader);
}

/** The product of dims. @throws OnnxFormatError negative or beyond what an array can hold */
export function elementCount(dims: readonly number[], name: string): number {
  let count = 1;
  for (const dim of dims) count *= dim;
  if (dims.some((dim) => dim < 0) || count > 2 ** 32) {
    throw new OnnxFormatError(`gives tensor '${name}' the impossible size [${dims.join(', ')}]`);
  }
  return count;
}
