import { constants, fstatSync, openSync, readSync, statSync, writeSync, type Stats } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { systemDiskFiles, type DiskFiles } from '../disk-files.js';

/** Which file it is, and how long. */
export interface FileState {
  readonly inode: number;
  readonly device: number;
  readonly size: number;
}

/** The file operations of the event file. */
export interface EventFiles extends DiskFiles {
  /** An old or new file (0600) to read and to append to. */
  open(path: string): number;
  /** Appends; answers the bytes that were written, which may be fewer. */
  append(fd: number, bytes: Buffer): number;
  /** Up to `length` bytes from `position`. */
  readPart(fd: number, position: number, length: number): Buffer;
  state(fd: number): FileState;
  /** undefined: nothing has that name. */
  stateAt(path: string): FileState | undefined;
  /** Asynchronous, since the removal of a large file takes its time. */
  remove(path: string): Promise<void>;
}

export const systemEventFiles: EventFiles = {
  ...systemDiskFiles,
  open: (path) => openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600),
  append: (fd, bytes) => writeSync(fd, bytes),
  readPart(fd, position, length) {
    const buffer = Buffer.allocUnsafe(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, position));
  },
  state: (fd) => stateOf(fstatSync(fd)),
  stateAt(path) {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? undefined : stateOf(stats);
  },
  remove: unlink,
};

function stateOf({ ino, dev, size }: Stats): FileState {
  return { inode: ino, device: dev, size };
}
