import { closeSync, fdatasync, fsync, ftruncateSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * File operations, so that tests can make each of them fail. All throw (or reject with) the system's error. Those on the path of
 * a prediction are synchronous: they end in the page cache. What waits for the disk is asynchronous.
 */
export interface DiskFiles {
  /** With its parents, 0700. */
  makeDirectory(path: string): void;
  list(path: string): string[];
  rename(from: string, to: string): void;
  truncate(fd: number, size: number): void;
  close(fd: number): void;
  /** The file's data to the disk. */
  sync(fd: number): Promise<void>;
  /** The directory's entries to the disk. */
  syncDirectory(path: string): Promise<void>;
}

const fullSync = promisify(fsync);

export const systemDiskFiles: DiskFiles = {
  makeDirectory: (path) => void mkdirSync(path, { recursive: true, mode: 0o700 }),
  list: (path) => readdirSync(path),
  rename: renameSync,
  truncate: ftruncateSync,
  close: closeSync,
  sync: promisify(fdatasync),
  async syncDirectory(path) {
    const directory = await open(path, 'r');
    try {
      await fullSync(directory.fd);
    } finally {
      await directory.close();
    }
  },
};
