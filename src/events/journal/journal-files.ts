import {
  closeSync,
  constants,
  fdatasync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * The file operations of the journal, so that tests can make each of them fail. All throw (or reject with) the system's error.
 * Those on the path of a prediction are synchronous: they end in the page cache. What waits for the disk is asynchronous.
 */
export interface JournalFiles {
  /** With its parents, 0700. */
  makeDirectory(path: string): void;
  list(path: string): string[];
  rename(from: string, to: string): void;
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
  truncate(fd: number, size: number): void;
  close(fd: number): void;
  /** The file's data to the disk. */
  sync(fd: number): Promise<void>;
  /** The directory's entries to the disk. */
  syncDirectory(path: string): Promise<void>;
  read(path: string): Promise<Buffer>;
  /** Up to `length` bytes from `position`. */
  readPart(path: string, position: number, length: number): Promise<Buffer>;
}

const dataSync = promisify(fdatasync);
const fullSync = promisify(fsync);

export const systemJournalFiles: JournalFiles = {
  makeDirectory: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
  list: (path) => readdirSync(path),
  rename: renameSync,
  remove: unlinkSync,
  removeDirectory: rmdirSync,
  create: (path) => openSync(path, 'ax', 0o600),
  openForUpdate: (path) => openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600),
  append(fd, buffers) {
    const [only] = buffers;
    return only !== undefined && buffers.length === 1 ? writeSync(fd, only) : writevSync(fd, buffers);
  },
  overwrite: (fd, bytes) => void writeSync(fd, bytes, 0, bytes.length, 0),
  truncate: ftruncateSync,
  close: closeSync,
  sync: dataSync,
  async syncDirectory(path) {
    const directory = await open(path, 'r');
    try {
      await fullSync(directory.fd);
    } finally {
      await directory.close();
    }
  },
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
