export interface EntryHeader {
  readonly hash: number;
  readonly expiresAt: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

/**
 * A piece of memory that entries are appended to, one after another. An entry, aligned to 8 bytes: expiresAt f64, hash u32,
 * value length u32, key length u32, used u32, key, value.
 */
export class Segment {
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #doubles: Float64Array;
  /** Where the next entry goes. */
  end = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size);
    this.#words = new Uint32Array(this.#bytes.buffer);
    this.#doubles = new Float64Array(this.#bytes.buffer);
  }

  static sizeOf(keyLength: number, valueLength: number): number {
    return (headerBytes + keyLength + valueLength + 7) & ~7;
  }

  fits(size: number): boolean {
    return this.end + size <= this.#bytes.length;
  }

  append(header: EntryHeader, key: Uint8Array, value: Buffer): number {
    const at = this.end;
    const word = at >> 2;
    this.#doubles[at >> 3] = header.expiresAt;
    this.#words[word + 2] = header.hash;
    this.#words[word + 3] = header.valueLength;
    this.#words[word + 4] = header.keyLength;
    this.#words[word + 5] = 0;
    for (let index = 0; index < header.keyLength; index++) this.#bytes[at + headerBytes + index] = key[index]!;
    value.copy(this.#bytes, at + headerBytes + header.keyLength, 0, header.valueLength);
    this.end += Segment.sizeOf(header.keyLength, header.valueLength);
    return at;
  }

  /** Appends an entry of another segment, its mark of use cleared. */
  appendFrom(source: Segment, at: number): number {
    const to = this.end;
    const size = source.sizeAt(at);
    source.#bytes.copy(this.#bytes, to, at, at + size);
    this.#words[(to >> 2) + 5] = 0;
    this.end += size;
    return to;
  }

  sizeAt(at: number): number {
    return Segment.sizeOf(this.#words[(at >> 2) + 4]!, this.#words[(at >> 2) + 3]!);
  }

  hashAt(at: number): number {
    return this.#words[(at >> 2) + 2]!;
  }

  expiresAt(at: number): number {
    return this.#doubles[at >> 3]!;
  }

  usedAt(at: number): boolean {
    return this.#words[(at >> 2) + 5] === 1;
  }

  markUsed(at: number): void {
    this.#words[(at >> 2) + 5] = 1;
  }

  keyEquals(at: number, key: Uint8Array, length: number): boolean {
    if (this.#words[(at >> 2) + 4] !== length) return false;
    const start = at + headerBytes;
    for (let index = 0; index < length; index++) if (this.#bytes[start + index] !== key[index]) return false;
    return true;
  }

  /** A copy: the memory is used again after an eviction. */
  valueAt(at: number): Buffer {
    const start = at + headerBytes + this.#words[(at >> 2) + 4]!;
    const length = this.#words[(at >> 2) + 3]!;
    const value = Buffer.allocUnsafe(length);
    this.#bytes.copy(value, 0, start, start + length);
    return value;
  }
}

const headerBytes = 24;
