import { wireType } from './wire-reader.js';

/** The bytes of a protobuf message, field by field; whole fields of another message are taken over as they are. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    return this.raw(varint(field * 8 + wireType.bytes))
      .raw(varint(value.length))
      .raw(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value, 'utf8'));
  }

  /** A non-negative integer below 2^53. */
  integer(field: number, value: number): this {
    return this.raw(varint(field * 8 + wireType.varint)).raw(varint(value));
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.of(...bytes, rest);
    bytes.push((rest % 128) | 0x80);
  }
}
