import { OnnxFormatError } from './onnx-format-error.js';

/** How a field is laid out (https://protobuf.dev/programming-guides/encoding). Groups (3, 4) do not occur in ONNX. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const twoTo32 = 4_294_967_296;
const text = new TextDecoder();

/**
 * Walks the fields of one protobuf message without copying it. Every length is checked against the end of the message:
 * the file is untrusted. `next` moves on; the getters then speak of the field it stands on.
 */
export class WireReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  #at: number;
  /** Number and wire type of the field. */
  field = 0;
  wire = 0;
  /** Where the field's key begins, its value begins, and its value ends. */
  fieldStart = 0;
  start = 0;
  stop = 0;
  /** The two halves of a varint, unsigned. */
  low = 0;
  high = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field; false at the end of the message. @throws OnnxFormatError */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    this.fieldStart = this.#at;
    this.#varint();
    if (this.high !== 0 || this.low < 8)
      throw new OnnxFormatError(`has an impossible field at byte ${this.fieldStart}`);
    this.field = this.low >>> 3;
    this.wire = this.low & 7;
    this.#value();
    return true;
  }

  #value(): void {
    this.start = this.#at;
    if (this.wire === wireType.varint) {
      this.#varint();
    } else if (this.wire === wireType.bytes) {
      this.#varint();
      this.start = this.#at;
      this.#skip(this.high * twoTo32 + this.low);
    } else if (this.wire === wireType.fixed32) {
      this.#skip(4);
    } else if (this.wire === wireType.fixed64) {
      this.#skip(8);
    } else {
      throw new OnnxFormatError(`has a field of unknown kind at byte ${this.fieldStart}`);
    }
    this.stop = this.#at;
  }

  #skip(length: number): void {
    if (length > this.#end - this.#at) {
      throw new OnnxFormatError(`is truncated: the field at byte ${this.fieldStart} should go on for ${length} bytes`);
    }
    this.#at += length;
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new OnnxFormatError(`is truncated at byte ${this.#at}`);
      const byte = this.bytes[this.#at++] as number;
      const seven = byte & 0x7f;
      if (shift < 28) low |= seven << shift;
      else if (shift === 28) {
        low |= seven << 28;
        high = seven >>> 4;
      } else if (shift < 63) high |= seven << (shift - 32);
      else high |= (seven & 1) << 31;
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw new OnnxFormatError(`has an impossible number at byte ${this.fieldStart}`);
  }

  /** The field as a signed 64-bit integer. */
  int64(): bigint {
    this.expect(wireType.varint);
    return (BigInt(this.high | 0) << 32n) | BigInt(this.low);
  }

  /** The field as a number; rounded beyond 2^53. */
  integer(): number {
    this.expect(wireType.varint);
    return (this.high | 0) * twoTo32 + this.low;
  }

  float(): number {
    this.expect(wireType.fixed32);
    return this.#view.getFloat32(this.start, true);
  }

  /** Text in UTF-8; bytes that are none become U+FFFD. */
  string(): string {
    return text.decode(this.slice());
  }

  /** The field's bytes, not copied. */
  slice(): Uint8Array {
    this.expect(wireType.bytes);
    return this.bytes.subarray(this.start, this.stop);
  }

  /** A reader of the message that the field holds. */
  message(): WireReader {
    this.expect(wireType.bytes);
    return new WireReader(this.bytes, this.start, this.stop);
  }

  expect(wire: number): void {
    if (this.wire !== wire) {
      throw new OnnxFormatError(`has field ${this.field} in a wrong form at byte ${this.fieldStart}`);
    }
  }

  /** Calls `take` for each varint of a repeated field, packed or not; `low` and `high` hold it. */
  eachVarint(take: (reader: WireReader) => void): void {
    if (this.wire === wireType.varint) return take(this);
    const packed = this.message();
    packed.fieldStart = this.fieldStart;
    while (packed.#at < packed.#end) {
      packed.#varint();
      take(packed);
    }
  }

  /** Bytes of the repeated fixed-size values that the field holds, packed or not. @throws OnnxFormatError not a multiple of `size` */
  fixed(size: 4 | 8): Uint8Array {
    const single = size === 4 ? wireType.fixed32 : wireType.fixed64;
    if (this.wire !== single) this.expect(wireType.bytes);
    if ((this.stop - this.start) % size !== 0) {
      throw new OnnxFormatError(`has a broken list of numbers at byte ${this.fieldStart}`);
    }
    return this.bytes.subarray(this.start, this.stop);
  }
}
