import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';

/** An open event file. All reject with the system's error. */
export interface EventFile {
  /** Appends; answers the bytes that were written, which may be fewer. */
  append(bytes: Buffer): Promise<number>;
  readPart(position: number, length: number): Promise<Buffer>;
  truncate(size: number): Promise<void>;
  sync(): Promise<void>;
  size(): Promise<number>;
  /** Whether `path` still names this file. */
  isAt(path: string): Promise<boolean>;
  close(): Promise<void>;
}

/** The file operations of the file sink, so that tests can make each of them fail. */
export interface EventFiles {
  /** 0700. */
  makeDirectory(path: string): Promise<void>;
  /** An old or new file (0600) to append to. */
  open(path: string): Promise<EventFile>;
  list(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const systemEventFiles: EventFiles = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },
  async open(path) {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
    return new SystemEventFile(handle);
  },
  list: (path) => readdir(path),
  rename,
  remove: unlink,
};

class SystemEventFile implements EventFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async append(bytes: Buffer): Promise<number> {
    return (await this.#handle.write(bytes)).bytesWritten;
  }

  async readPart(position: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async isAt(path: string): Promise<boolean> {
    try {
      const [own, named] = await Promise.all([this.#handle.stat(), stat(path)]);
      return own.ino === named.ino && own.dev === named.dev;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw thrown;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
