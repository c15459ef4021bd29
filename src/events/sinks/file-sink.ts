import { join } from 'node:path';
import { activeFileName, eventFiles, eventPaths, rotatedFileName } from '../event-paths.js';
import type { EventSink, WireEvent } from '../event-sink.js';
import type { EventsOptions } from '../options.js';
import { systemEventFiles, type EventFile, type EventFiles } from './event-files.js';

export interface FileSinkOptions {
  /** The data directory; files go to `events/` in it. */
  readonly directory: string;
  /** Each worker has its own file: `events-<worker>.jsonl`. */
  readonly worker: string;
  readonly events: Pick<EventsOptions, 'file_max_bytes' | 'file_keep'>;
  readonly files?: EventFiles;
}

interface OpenFile {
  readonly file: EventFile;
  /** Bytes of whole batches. What is behind them is cut off before the next write. */
  size: number;
}

const newline = 0x0a;
const tailBytes = 64 * 1024;

/**
 * JSON Lines, one event a line, in `events-<worker>.jsonl`. A batch is resolved when it is on the disk (fdatasync), whole: what a
 * failed write left is cut off before the next, so no line is ever torn, not even by the death of the process (at the next start).
 * At `file_max_bytes` the file is renamed to `events-<worker>.<number>.jsonl`; of those the newest `file_keep` are kept.
 */
export class FileSink implements EventSink {
  readonly #directory: string;
  readonly #path: string;
  readonly #options: FileSinkOptions;
  readonly #files: EventFiles;
  #open: OpenFile | undefined;
  #lines = Buffer.alloc(0);
  #closed = false;

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.#files = options.files ?? systemEventFiles;
    this.#directory = eventPaths(options.directory).files;
    this.#path = join(this.#directory, activeFileName(options.worker));
  }

  async deliver(batch: readonly WireEvent[]): Promise<void> {
    if (this.#closed) throw new Error('The event file is closed');
    const bytes = this.#linesOf(batch);
    try {
      const open = await this.#fileFor(bytes.length);
      await writeAll(open.file, bytes);
      await open.file.sync();
      open.size += bytes.length;
    } catch (thrown) {
      await this.#reset();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#reset();
  }

  /** In memory that the next batch uses again. */
  #linesOf(batch: readonly WireEvent[]): Buffer {
    const texts = batch.map(({ json }) => json);
    const size = texts.reduce((sum, text) => sum + text.length + 1, 0);
    if (this.#lines.length < size) this.#lines = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const text of texts) {
      at += text.copy(this.#lines, at);
      this.#lines[at++] = newline;
    }
    return this.#lines.subarray(0, size);
  }

  /** The next delivery opens the file anew, and cuts off what is not whole. */
  async #reset(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    try {
      if ((await open.file.size()) > open.size) await open.file.truncate(open.size);
    } finally {
      await open.file.close();
    }
  }

  async #fileFor(bytes: number): Promise<OpenFile> {
    if (this.#open !== undefined && !(await this.#open.file.isAt(this.#path))) await this.#reset();
    this.#open ??= await this.#openFile();
    if (this.#open.size > 0 && this.#open.size + bytes > this.#options.events.file_max_bytes) {
      await this.#rotate();
      this.#open = await this.#openFile();
    }
    return this.#open;
  }

  async #openFile(): Promise<OpenFile> {
    await this.#files.makeDirectory(this.#directory);
    const file = await this.#files.open(this.#path);
    try {
      const size = await sizeOfWholeLines(file);
      await file.truncate(size);
      return { file, size };
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  async #rotate(): Promise<void> {
    const { worker, events } = this.#options;
    await this.#reset();
    const names = eventFiles(await this.#files.list(this.#directory)).filter((file) => file.worker === worker);
    const rotated = names.flatMap(({ name, number }) => (number === undefined ? [] : [{ name, number }]));
    const next = (rotated.at(-1)?.number ?? 0) + 1;
    await this.#files.rename(this.#path, join(this.#directory, rotatedFileName(worker, next)));
    const surplus = rotated.slice(0, Math.max(0, rotated.length + 1 - events.file_keep));
    for (const { name } of surplus) await this.#files.remove(join(this.#directory, name));
  }
}

async function writeAll(file: EventFile, bytes: Buffer): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    const written = await file.append(rest);
    if (written === 0) throw new Error('The disk took no bytes');
    rest = rest.subarray(written);
  }
}

/** Bytes up to and with the last newline. */
async function sizeOfWholeLines(file: EventFile): Promise<number> {
  for (let end = await file.size(); end > 0;) {
    const start = Math.max(0, end - tailBytes);
    const newlineAt = (await file.readPart(start, end - start)).lastIndexOf(0x0a);
    if (newlineAt !== -1) return start + newlineAt + 1;
    end = start;
  }
  return 0;
}
