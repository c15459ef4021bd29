/** A key's characters and hash, written into the same memory each time so that a look-up allocates nothing. */
export class KeyDigest {
  bytes = new Uint8Array(1024);
  length = 0;
  hash = 0;
  readonly #seed: number;

  /** `seed` differs from process to process: a caller who chooses keys cannot choose collisions. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** One byte a character; two, after a byte 0, when any is beyond Latin-1. Different keys never give the same bytes. */
  take(key: string): void {
    if (key.length * 2 + 1 > this.bytes.length) this.bytes = new Uint8Array(key.length * 4);
    this.length = key.length;
    let hash = this.#seed;
    for (let index = 0; index < key.length; index++) {
      const code = key.charCodeAt(index);
      if (code > 0xff || code === 0) return this.#takeWide(key);
      this.bytes[index] = code;
      hash = mix(hash, code);
    }
    this.hash = finish(hash);
  }

  #takeWide(key: string): void {
    this.bytes[0] = 0;
    this.length = key.length * 2 + 1;
    let hash = this.#seed;
    for (let index = 0; index < key.length; index++) {
      const code = key.charCodeAt(index);
      this.bytes[index * 2 + 1] = code & 0xff;
      this.bytes[index * 2 + 2] = code >>> 8;
      hash = mix(hash, code);
    }
    this.hash = finish(hash);
  }
}

function mix(hash: number, code: number): number {
  const mixed = Math.imul(hash ^ code, 0x5bd1e995);
  return mixed ^ (mixed >>> 15);
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
