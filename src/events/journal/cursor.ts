import { crc32 } from 'node:zlib';
import type { JournalFiles } from './journal-files.js';

/** Everything before this place was delivered. */
export interface CursorPlace {
  readonly segment: number;
  readonly offset: number;
}

const cursorBytes = 20;

/** Absent, torn or damaged: undefined, and all that is on disk is delivered again (at least once). */
export function parseCursor(bytes: Buffer): CursorPlace | undefined {
  if (bytes.length < cursorBytes || crc32(bytes.subarray(0, 16)) !== bytes.readUInt32LE(16)) return undefined;
  return { segment: Number(bytes.readBigUInt64LE(0)), offset: Number(bytes.readBigUInt64LE(8)) };
}

/**
 * The cursor file of a journal directory. It is overwritten in place, by one write of 20 bytes with a checksum: that needs no
 * free space, so the journal empties also on a full disk.
 */
export class CursorFile {
  readonly #files: JournalFiles;
  readonly #path: string;
  readonly #bytes = Buffer.alloc(cursorBytes);
  #fd: number | undefined;

  constructor(files: JournalFiles, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** @throws the system's error; the old cursor then stands. */
  write({ segment, offset }: CursorPlace): void {
    this.#bytes.writeBigUInt64LE(BigInt(segment), 0);
    this.#bytes.writeBigUInt64LE(BigInt(offset), 8);
    this.#bytes.writeUInt32LE(crc32(this.#bytes.subarray(0, 16)), 16);
    this.#fd ??= this.#files.openForUpdate(this.#path);
    this.#files.overwrite(this.#fd, this.#bytes);
  }

  close(): void {
    if (this.#fd !== undefined) this.#files.close(this.#fd);
    this.#fd = undefined;
  }
}
