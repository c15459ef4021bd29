import { dirname } from 'node:path';
import type { JournalFiles } from '../../../src/events/journal/journal-files.js';

export type FileOperation = keyof JournalFiles;

class SystemError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** A file system in memory whose operations fail at the test's word. What was written survives a "death of the process". */
export class MemoryFiles implements JournalFiles {
  readonly files = new Map<string, Buffer>();
  readonly directories = new Set<string>();
  readonly calls: FileOperation[] = [];
  /** Error codes by operation, until deleted. */
  readonly faults = new Map<FileOperation, string>();
  /** Bytes that may still be appended before ENOSPC. */
  space = Infinity;
  readonly #paths = new Map<number, string>();
  #lastFd = 2;

  get openFiles(): number {
    return this.#paths.size;
  }

  /** Their process is dead. */
  closeAll(): void {
    this.#paths.clear();
  }

  makeDirectory(path: string): void {
    this.#enter('makeDirectory');
    for (let at = path; at !== dirname(at); at = dirname(at)) this.directories.add(at);
  }

  list(path: string): string[] {
    this.#enter('list');
    if (!this.directories.has(path)) throw new SystemError('ENOENT');
    const below = [...this.files.keys(), ...this.directories].filter((other) => dirname(other) === path);
    return below.map((other) => other.slice(path.length + 1));
  }

  rename(from: string, to: string): void {
    this.#enter('rename');
    if (!this.directories.delete(from)) throw new SystemError('ENOENT');
    this.directories.add(to);
    for (const [path, bytes] of [...this.files]) {
      if (dirname(path) !== from) continue;
      this.files.delete(path);
      this.files.set(to + path.slice(from.length), bytes);
    }
    for (const [fd, path] of this.#paths) if (dirname(path) === from) this.#paths.set(fd, to + path.slice(from.length));
  }

  remove(path: string): void {
    this.#enter('remove');
    if (!this.files.delete(path)) throw new SystemError('ENOENT');
  }

  removeDirectory(path: string): void {
    this.#enter('removeDirectory');
    if (!this.directories.delete(path)) throw new SystemError('ENOENT');
  }

  create(path: string): number {
    this.#enter('create');
    if (this.files.has(path)) throw new SystemError('EEXIST');
    this.files.set(path, Buffer.alloc(0));
    return this.#open(path);
  }

  openForUpdate(path: string): number {
    this.#enter('openForUpdate');
    if (!this.files.has(path)) this.files.set(path, Buffer.alloc(0));
    return this.#open(path);
  }

  append(fd: number, buffers: readonly Buffer[]): number {
    this.#enter('append');
    const bytes = Buffer.concat(buffers);
    const taken = bytes.subarray(0, this.space);
    if (taken.length === 0) throw new SystemError('ENOSPC');
    this.space -= taken.length;
    const path = this.#pathOf(fd);
    this.files.set(path, Buffer.concat([this.files.get(path) ?? Buffer.alloc(0), taken]));
    return taken.length;
  }

  overwrite(fd: number, bytes: Buffer): void {
    this.#enter('overwrite');
    this.files.set(this.#pathOf(fd), Buffer.from(bytes));
  }

  truncate(fd: number, size: number): void {
    this.#enter('truncate');
    const path = this.#pathOf(fd);
    this.files.set(path, (this.files.get(path) ?? Buffer.alloc(0)).subarray(0, size));
  }

  close(fd: number): void {
    this.#enter('close');
    if (!this.#paths.delete(fd)) throw new SystemError('EBADF');
  }

  async sync(fd: number): Promise<void> {
    this.#enter('sync');
    this.#pathOf(fd);
    await Promise.resolve();
  }

  async syncDirectory(): Promise<void> {
    this.#enter('syncDirectory');
    await Promise.resolve();
  }

  async read(path: string): Promise<Buffer> {
    this.#enter('read');
    await Promise.resolve();
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new SystemError('ENOENT');
    return Buffer.from(bytes);
  }

  async readPart(path: string, position: number, length: number): Promise<Buffer> {
    this.#enter('readPart');
    await Promise.resolve();
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new SystemError('ENOENT');
    return Buffer.from(bytes.subarray(position, position + length));
  }

  /** Changes the bytes of each file whose name ends so. */
  damage(suffix: string, change: (bytes: Buffer) => Buffer): void {
    for (const [path, bytes] of this.files) if (path.endsWith(suffix)) this.files.set(path, change(Buffer.from(bytes)));
  }

  #open(path: string): number {
    this.#lastFd++;
    this.#paths.set(this.#lastFd, path);
    return this.#lastFd;
  }

  #pathOf(fd: number): string {
    const path = this.#paths.get(fd);
    if (path === undefined) throw new SystemError('EBADF');
    return path;
  }

  #enter(operation: FileOperation): void {
    this.calls.push(operation);
    const code = this.faults.get(operation);
    if (code !== undefined) throw new SystemError(code);
  }
}
