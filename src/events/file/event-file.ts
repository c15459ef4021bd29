import { dirname, join } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import type { Clock } from '../../shared/clock.js';
import type { DiskSync } from '../disk-sync.js';
import { activeFileName, eventPaths } from '../event-paths.js';
import type { JournalOperation } from '../observer.js';
import type { EventsOptions } from '../options.js';
import type { EventFiles } from './event-files.js';
import { rotate } from './rotation.js';
import { cutTornLine } from './whole-lines.js';

export interface EventFileOptions {
  /** The data directory; files go to `events/` in it. */
  readonly directory: string;
  /** Each worker has its own file: `events-<worker>.jsonl`. */
  readonly worker: string;
  readonly events: Pick<EventsOptions, 'file_max_bytes' | 'file_keep'>;
  readonly files: EventFiles;
  readonly sync: DiskSync;
  readonly clock: Clock;
  /** What does not keep lines from being written. */
  readonly onTrouble: (operation: JournalOperation, reason: string) => void;
}

interface OpenFile {
  readonly fd: number;
  readonly inode: number;
  readonly device: number;
  size: number;
}

/** How long a file that somebody renamed or removed may still be written. */
const lookAgainMs = 1000;
const mostBytesPerUnit = 3;
const smallestBuffer = 64 * 1024;
/** Lines that need more are encoded into memory that is not kept. */
const largestBuffer = 4 * 1024 * 1024;

/**
 * JSON Lines, one event a line, in `events-<worker>.jsonl`, appended to by synchronous writes. At `file_max_bytes` it is renamed to
 * `events-<worker>.<number>.jsonl`; of those the newest `file_keep` are kept.
 */
export class EventFile {
  readonly #options: EventFileOptions;
  readonly #directory: string;
  readonly #path: string;
  #buffer = Buffer.allocUnsafeSlow(smallestBuffer);
  #open: OpenFile | undefined;
  #lookedAt = 0;

  constructor(options: EventFileOptions) {
    this.#options = options;
    this.#directory = eventPaths(options.directory).files;
    this.#path = join(this.#directory, activeFileName(options.worker));
  }

  /** Makes what is missing, and cuts off the torn line of a writer that died. @throws the system's error. */
  open(): void {
    this.#open ??= this.#openFile();
  }

  /**
   * Appends lines, each with its newline, in pieces of text: all of them by one write, or none, which throws the system's error. (Where the disk
   * takes a part and then refuses to have it cut off, its whole lines stay: they come again when the caller tries again.)
   */
  append(texts: readonly string[]): void {
    const bytes = this.#encode(texts);
    const open = this.#fileFor(bytes.length);
    let written = 0;
    try {
      while (written < bytes.length) {
        const count = this.#options.files.append(open.fd, written === 0 ? bytes : bytes.subarray(written));
        if (count === 0) throw new Error('The disk took no bytes');
        written += count;
      }
    } catch (thrown) {
      this.#abandon(open, written);
      throw thrown;
    }
    open.size += written;
    this.#options.sync.wrote(open.fd);
  }

  /** Settles when all is as safe as `journal_fsync` asks, and closed. */
  close(): Promise<void> {
    this.#leave();
    return this.#options.sync.close();
  }

  /** Into memory that the next lines use again. */
  #encode(texts: readonly string[]): Buffer {
    const needed = mostBytesPerUnit * texts.reduce((sum, text) => sum + text.length, 0);
    if (needed > largestBuffer) return Buffer.from(texts.join(''));
    if (needed > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(needed)));
    let end = 0;
    for (const text of texts) end += this.#buffer.write(text, end);
    return this.#buffer.subarray(0, end);
  }

  #fileFor(bytes: number): OpenFile {
    const { clock } = this.#options;
    const isLookDue = clock.monotonic() - this.#lookedAt >= lookAgainMs;
    if (this.#open !== undefined && (isLookDue || this.#isTooLong(this.#open, bytes))) this.#look(this.#open);
    this.#open ??= this.#openFile();
    if (this.#isTooLong(this.#open, bytes)) this.#open = this.#rotate();
    return this.#open;
  }

  #isTooLong({ size }: OpenFile, bytes: number): boolean {
    return size > 0 && size + bytes > this.#options.events.file_max_bytes;
  }

  /** Whether the name still means this file, and how long it is (another process may write to it). */
  #look(open: OpenFile): void {
    const named = this.#options.files.stateAt(this.#path);
    this.#lookedAt = this.#options.clock.monotonic();
    if (named?.inode === open.inode && named.device === open.device) open.size = named.size;
    else this.#leave();
  }

  #openFile(): OpenFile {
    const { files, sync, clock } = this.#options;
    files.makeDirectory(this.#directory);
    const fd = files.open(this.#path);
    try {
      const size = cutTornLine(files, fd);
      const { inode, device } = files.state(fd);
      sync.created(this.#directory);
      sync.created(dirname(this.#directory));
      this.#lookedAt = clock.monotonic();
      return { fd, inode, device, size };
    } catch (thrown) {
      sync.retire(fd);
      throw thrown;
    }
  }

  #rotate(): OpenFile {
    const { files, worker, events, onTrouble } = this.#options;
    const surplus = rotate({ files, worker, directory: this.#directory, keep: events.file_keep });
    this.#leave();
    for (const path of surplus) {
      files.remove(path).catch((error: unknown) => onTrouble('remove', messageOf(error)));
    }
    return this.#openFile();
  }

  /** Cuts off what a failed write left. Where that fails too, opening the file again cuts off the torn line. */
  #abandon({ fd }: OpenFile, written: number): void {
    const { files, onTrouble } = this.#options;
    try {
      // By the size that the file has now: another process may have written to it too.
      if (written > 0) files.truncate(fd, files.state(fd).size - written);
    } catch (thrown) {
      onTrouble('write', messageOf(thrown));
    }
    this.#leave();
  }

  #leave(): void {
    if (this.#open !== undefined) this.#options.sync.retire(this.#open.fd);
    this.#open = undefined;
  }
}
