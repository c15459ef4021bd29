import { constants, openSync, rmdirSync, unlinkSync, writeSync, writevSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { systemDiskFiles, type DiskFiles } from '../disk-files.js';

/** The file operations of the journal. */
export interface JournalFiles extends DiskFiles {
  remove(path: string): void;
  removeDirectory(path: string): void;
  /** A new file (0600) to append to. */
  create(path: string): number;
  /** An old or new file (0600) to write at places of. */
  openForUpdate(path: string): number;
  /** Appends; answers the bytes that were written, which may be fewer. */
  append(fd: number, buffers: readonly Buffer[]): number;
  /** Writes at the beginning. */
  overwrite(fd: number, bytes: Buffer): void;
  read(path: string): Promise<Buffer>;
  /** Up to `length` bytes from `position`. */
  readPart(path: string, position: number, length: number): Promise<Buffer>;
}

export const systemJournalFiles: JournalFiles = {
  ...systemDiskFiles,
  remove: unlinkSync,
  removeDirectory: rmdirSync,
  create: (path) => openSync(path, 'ax', 0o600),
  openForUpdate: (path) => openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600),
  append(fd, buffers) {
    const [only] = buffers;
    return only !== undefined && buffers.length === 1 ? writeSync(fd, only) : writevSync(fd, buffers);
  },
  overwrite: (fd, bytes) => void writeSync(fd, bytes, 0, bytes.length, 0),
  read: (path) => readFile(path),
  async readPart(path, position, length) {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  },
};
