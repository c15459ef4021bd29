import { rmSync } from 'node:fs';
import { systemEventFiles, type EventFiles, type FileState } from '../../../src/events/file/event-files.js';

export type EventFileOperation = keyof EventFiles;

class SystemError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** The real files, whose operations fail at the test's word. Nothing waits for the disk, so that tests decide what happens when. */
export class FaultyEventFiles implements EventFiles {
  readonly calls: EventFileOperation[] = [];
  /** Error codes by operation, until deleted. */
  readonly faults = new Map<EventFileOperation, string>();
  /** Bytes that may still be appended: then a write is short, and the next one says ENOSPC. */
  space = Infinity;
  /** Syncs wait for `release`. */
  isHolding = false;
  readonly #open = new Set<number>();
  #held: (() => void)[] = [];

  get openFiles(): number {
    return this.#open.size;
  }

  count(operation: EventFileOperation): number {
    return this.calls.filter((call) => call === operation).length;
  }

  mend(): void {
    this.faults.clear();
    this.space = Infinity;
  }

  release(): void {
    this.isHolding = false;
    for (const resume of this.#held.splice(0)) resume();
  }

  /** Their process is dead. */
  closeAll(): void {
    for (const fd of this.#open) systemEventFiles.close(fd);
    this.#open.clear();
  }

  makeDirectory(path: string): void {
    this.#enter('makeDirectory');
    systemEventFiles.makeDirectory(path);
  }

  list(path: string): string[] {
    this.#enter('list');
    return systemEventFiles.list(path);
  }

  rename(from: string, to: string): void {
    this.#enter('rename');
    systemEventFiles.rename(from, to);
  }

  remove(path: string): Promise<void> {
    return this.#enterLater('remove', () => rmSync(path));
  }

  open(path: string): number {
    this.#enter('open');
    const fd = systemEventFiles.open(path);
    this.#open.add(fd);
    return fd;
  }

  append(fd: number, bytes: Buffer): number {
    this.#enter('append');
    const taken = bytes.subarray(0, this.space);
    if (taken.length === 0) throw new SystemError('ENOSPC');
    this.space -= taken.length;
    return systemEventFiles.append(fd, taken);
  }

  readPart(fd: number, position: number, length: number): Buffer {
    this.#enter('readPart');
    return systemEventFiles.readPart(fd, position, length);
  }

  state(fd: number): FileState {
    this.#enter('state');
    return systemEventFiles.state(fd);
  }

  stateAt(path: string): FileState | undefined {
    this.#enter('stateAt');
    return systemEventFiles.stateAt(path);
  }

  truncate(fd: number, size: number): void {
    this.#enter('truncate');
    systemEventFiles.truncate(fd, size);
  }

  close(fd: number): void {
    this.#enter('close');
    if (!this.#open.delete(fd)) throw new SystemError('EBADF');
    systemEventFiles.close(fd);
  }

  async sync(fd: number): Promise<void> {
    if (this.isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
    return this.#enterLater('sync', () => {
      if (!this.#open.has(fd)) throw new SystemError('EBADF');
    });
  }

  syncDirectory(): Promise<void> {
    return this.#enterLater('syncDirectory', () => undefined);
  }

  #enter(operation: EventFileOperation): void {
    this.calls.push(operation);
    const code = this.faults.get(operation);
    if (code !== undefined) throw new SystemError(code);
  }

  async #enterLater(operation: EventFileOperation, action: () => void): Promise<void> {
    await Promise.resolve();
    this.#enter(operation);
    action();
  }
}
