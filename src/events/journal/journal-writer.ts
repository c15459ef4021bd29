import { dirname } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import type { Clock } from '../../shared/clock.js';
import type { JournalOperation } from '../observer.js';
import type { JournalFiles } from './journal-files.js';
import type { JournalLog } from './journal-log.js';
import type { DiskSync } from '../disk-sync.js';
import type { Segment } from './segment.js';
import { contiguousBuffers, type StoredEvent } from './stored-event.js';

export interface JournalWriterOptions {
  readonly files: JournalFiles;
  readonly clock: Clock;
  readonly sync: DiskSync;
  readonly segmentBytes: number;
  readonly onTrouble: (operation: JournalOperation, reason: string) => void;
  readonly onRecovered: () => void;
}

/** How long a disk that refused a write is left alone: a failing system call in each turn would cost more than it brings. */
const retryAfterMs = 1000;

interface OpenSegment {
  readonly segment: Segment;
  readonly fd: number;
}

/** Appends to the newest segment of a log. A write that fails leaves no trace, or a tail that readers skip. */
export class JournalWriter {
  readonly #log: JournalLog;
  readonly #options: JournalWriterOptions;
  #open: OpenSegment | undefined;
  #retryAt: number | undefined;

  constructor(log: JournalLog, options: JournalWriterOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** The last write failed. */
  get inTrouble(): boolean {
    return this.#retryAt !== undefined;
  }

  /** The next write is tried however short ago the last one failed. */
  retryNow(): void {
    if (this.#retryAt !== undefined) this.#retryAt = this.#options.clock.monotonic();
  }

  /** Writes all of `events` by one call, or none: then false. */
  append(events: readonly StoredEvent[]): boolean {
    const { clock, onTrouble, onRecovered, sync } = this.#options;
    if (this.#retryAt !== undefined && clock.monotonic() < this.#retryAt) return false;
    const buffers = contiguousBuffers(events);
    try {
      const open = this.#segmentToWrite();
      this.#write(open, buffers);
      this.#place(open.segment, events);
      sync.wrote(open.fd);
    } catch (thrown) {
      this.#abandon();
      this.#retryAt = clock.monotonic() + retryAfterMs;
      onTrouble('write', messageOf(thrown));
      return false;
    }
    if (this.#retryAt !== undefined) onRecovered();
    this.#retryAt = undefined;
    return true;
  }

  /** The file so far takes no more. */
  seal(): void {
    if (this.#open === undefined) return;
    this.#open.segment.sealed = true;
    this.#options.sync.retire(this.#open.fd);
    this.#open = undefined;
    this.#log.removeDelivered();
  }

  #segmentToWrite(): OpenSegment {
    if (this.#open !== undefined && this.#open.segment.size >= this.#options.segmentBytes) this.seal();
    this.#open ??= this.#create();
    return this.#open;
  }

  #create(): OpenSegment {
    const { files, sync } = this.#options;
    files.makeDirectory(this.#log.directory);
    const segment = this.#log.addSegment();
    try {
      const fd = files.create(segment.path);
      sync.created(this.#log.directory);
      sync.created(dirname(this.#log.directory));
      return { segment, fd };
    } catch (thrown) {
      this.#log.dropEmpty(segment);
      throw thrown;
    }
  }

  #write({ fd }: OpenSegment, buffers: readonly Buffer[]): void {
    const { files } = this.#options;
    let rest = buffers;
    while (rest.length > 0) {
      const written = files.append(fd, rest);
      if (written === 0) throw new Error('The disk took no bytes');
      rest = without(rest, written);
    }
  }

  #place(segment: Segment, events: readonly StoredEvent[]): void {
    let end = segment.size;
    for (const event of events) {
      end += event.bytes;
      event.place = { log: this.#log, segment: segment.number, end };
    }
    this.#log.wrote(segment, events.length, end - segment.size);
  }

  /** Cuts off what a failed write left and never writes to that file again: whether the cut worked does not matter then. */
  #abandon(): void {
    const open = this.#open;
    if (open === undefined) return;
    const { files, onTrouble } = this.#options;
    try {
      files.truncate(open.fd, open.segment.size);
      if (open.segment.size === 0) files.remove(open.segment.path);
    } catch (thrown) {
      onTrouble('write', messageOf(thrown));
    }
    this.#log.dropEmpty(open.segment);
    this.seal();
  }
}

/** `buffers` without their first `count` bytes. */
function without(buffers: readonly Buffer[], count: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = count;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
