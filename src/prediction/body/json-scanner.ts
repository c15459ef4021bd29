import type { FeatureValue } from '../../shared/feature-value.js';

const quote = 0x22;
const plus = 0x2b;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const comma = 0x2c;
const lowerE = 0x65;
/** Set in a small letter, clear in its capital. */
const lowerCase = 0x20;
const firstPrintable = 0x20;
const lastAscii = 0x7e;

/** So many digits are an integer below 2 ** 53, and so is each power of ten up to this one. */
const exactDigits = 15;
const powersOfTen = Float64Array.from({ length: exactDigits + 1 }, (_, power) => 10 ** power);
/** Arrays in arrays; deeper ones are left to the ordinary reading. */
const deepestArray = 8;
/** A piece of text that is compared four bytes at a time, the last four once more where they overlap. */
export class Literal {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly last: number;

  constructor(text: string) {
    this.bytes = Buffer.from(text, 'latin1');
    this.words = Int32Array.from({ length: this.bytes.length >> 2 }, (_, at) => this.bytes.readInt32BE(at * 4));
    this.last = this.bytes.length < 4 ? 0 : this.bytes.readInt32BE(this.bytes.length - 4);
  }
}

const words = ([true, false, null] as const).map((value) => ({ literal: new Literal(String(value)), value }));

/**
 * Reads JSON values (RFC 8259) out of bytes, each as `JSON.parse` would, or not at all: what it does not know (objects, escapes, bytes
 * beyond ASCII, deep arrays) is for `JSON.parse` itself.
 */
export class JsonScanner {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** The next byte. */
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  text(from: number, to: number): string {
    return this.#bytes.toString('latin1', from, to);
  }

  /** Moves past this text if it stands here, and answers whether it did. */
  pass({ bytes, words, last }: Literal): boolean {
    const start = this.at;
    const end = start + bytes.length;
    if (end > this.#bytes.length) return false;
    if (bytes.length < 4) return this.#passBytes(bytes);
    for (let word = 0; word < words.length; word++) {
      if (this.#view.getInt32(start + word * 4) !== words[word]) return false;
    }
    if (this.#view.getInt32(end - 4) !== last) return false;
    this.at = end;
    return true;
  }

  #passBytes(bytes: Buffer): boolean {
    for (let offset = 0; offset < bytes.length; offset++) {
      if (this.#bytes[this.at + offset] !== bytes[offset]) return false;
    }
    this.at += bytes.length;
    return true;
  }

  /** Reads the value that begins here; undefined, with `at` anywhere, for one that it does not know. */
  value(depth = 0): FeatureValue | undefined {
    const first = this.#bytes[this.at] as number;
    if (this.isAtNumber) {
      const number = this.number();
      return Number.isNaN(number) ? undefined : number;
    }
    if (first === quote) return this.#string();
    if (first === openBracket) return depth < deepestArray ? this.#array(depth) : undefined;
    return this.#word();
  }

  /** Whether what stands here can only be a number. */
  get isAtNumber(): boolean {
    const first = this.#bytes[this.at] as number;
    return first === minus || (first ^ zero) < 10;
  }

  /**
   * Reads the number that begins here; NaN, which JSON has not, for a text that is none. Always a double, as V8 then needs no memory for it.
   *
   * Up to 15 digits are an integer that a double holds exactly, and so is the power of ten below them: one division rounds once, as it
   * should (Clinger, How to read floating point numbers accurately, 1990). Longer numbers and exponents are left to V8.
   */
  number(): number {
    const bytes = this.#bytes;
    const start = this.at;
    const first = bytes[start] === minus ? start + 1 : start;
    let at = first;
    let mantissa = 0;
    let digit: number;
    while ((digit = (bytes[at] as number) ^ zero) < 10) {
      mantissa = mantissa * 10 + digit;
      at++;
    }
    let digits = at - first;
    if (digits === 0 || (digits > 1 && bytes[first] === zero)) return NaN;
    let decimals = 0;
    if (bytes[at] === dot) {
      const point = at++;
      while ((digit = (bytes[at] as number) ^ zero) < 10) {
        mantissa = mantissa * 10 + digit;
        at++;
      }
      decimals = at - point - 1;
      if (decimals === 0) return NaN;
      digits += decimals;
    }
    if (((bytes[at] as number) | lowerCase) === lowerE) return this.#withExponent(at);
    this.at = at;
    if (digits > exactDigits) return Number(bytes.toString('latin1', start, at));
    const value = mantissa / (powersOfTen[decimals] as number);
    return first === start ? value : -value;
  }

  /** `e` stands at `exponentAt`. */
  #withExponent(exponentAt: number): number {
    const bytes = this.#bytes;
    const sign = bytes[exponentAt + 1];
    const first = exponentAt + (sign === minus || sign === plus ? 2 : 1);
    let at = first;
    while (((bytes[at] as number) ^ zero) < 10) at++;
    if (at === first) return NaN;
    const text = bytes.toString('latin1', this.at, at);
    this.at = at;
    return Number(text);
  }

  #string(): string | undefined {
    const bytes = this.#bytes;
    const start = this.at + 1;
    let at = start;
    while (bytes[at] !== quote) {
      const byte = bytes[at++];
      if (byte === undefined || byte < firstPrintable || byte > lastAscii || byte === backslash) return undefined;
    }
    this.at = at + 1;
    return bytes.toString('latin1', start, at);
  }

  #array(depth: number): FeatureValue[] | undefined {
    const elements: FeatureValue[] = [];
    this.at++;
    this.#skipSpaces();
    if (this.#bytes[this.at] === closeBracket) return this.#closed(elements);
    for (;;) {
      const element = this.value(depth + 1);
      if (element === undefined) return undefined;
      elements.push(element);
      this.#skipSpaces();
      const next = this.#bytes[this.at];
      if (next === closeBracket) return this.#closed(elements);
      if (next !== comma) return undefined;
      this.at++;
      this.#skipSpaces();
    }
  }

  #closed(elements: FeatureValue[]): FeatureValue[] {
    this.at++;
    return elements;
  }

  #skipSpaces(): void {
    let byte = this.#bytes[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.at];
  }

  #word(): boolean | null | undefined {
    for (const { literal, value } of words) if (this.pass(literal)) return value;
    return undefined;
  }
}
