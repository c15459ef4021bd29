import { join } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import type { JournalOperation } from '../observer.js';
import { CursorFile, parseCursor, type CursorPlace } from './cursor.js';
import { listOrNone } from './journal-directories.js';
import type { JournalFiles } from './journal-files.js';
import { claimedBytes, readRecord } from './record-format.js';
import { newSegment, scanRecords, segmentNumbers, type Segment } from './segment.js';
import { StoredEvent } from './stored-event.js';

export const cursorName = 'cursor';

export interface JournalLogOptions {
  readonly files: JournalFiles;
  readonly onTrouble: (operation: JournalOperation, reason: string) => void;
}

export interface BatchLimits {
  readonly events: number;
  readonly bytes: number;
}

/** Events that were read, and how many were found to be lost instead. */
export interface JournalRead {
  readonly events: StoredEvent[];
  readonly lost: number;
}

/**
 * The segments of one directory, in order: what of them was written, read and delivered. A segment is removed once it is sealed
 * and all of it was delivered. Reads are one at a time.
 */
export class JournalLog {
  readonly directory: string;
  readonly #options: JournalLogOptions;
  readonly #cursor: CursorFile;
  readonly #segments: Segment[] = [];
  /** Where the next event is read from. */
  #reader: CursorPlace = { segment: 0, offset: 0 };
  #failedReads = 0;
  /** Never used twice: a file that could not be removed may still have it. */
  #lastNumber = 0;
  #undelivered = 0;
  #unread = 0;
  #bytes = 0;

  constructor(directory: string, options: JournalLogOptions) {
    this.directory = directory;
    this.#options = options;
    this.#cursor = new CursorFile(options.files, join(directory, cursorName));
  }

  /** Events that were not delivered yet. */
  get undelivered(): number {
    return this.#undelivered;
  }

  /** Those of them that the reader has yet to come to. */
  get unread(): number {
    return this.#unread;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A new segment at the end, to be written by the caller. */
  addSegment(): Segment {
    const segment = newSegment(this.directory, ++this.#lastNumber);
    this.#segments.push(segment);
    return segment;
  }

  /** Notes that records were added to `segment`. */
  wrote(segment: Segment, records: number, bytes: number): void {
    segment.size += bytes;
    segment.unread += records;
    segment.undelivered += records;
    this.#bytes += bytes;
    this.#unread += records;
    this.#undelivered += records;
  }

  /** Forgets a segment to which nothing was written. */
  dropEmpty(segment: Segment): void {
    const index = this.#segments.indexOf(segment);
    if (index !== -1 && segment.size === 0) this.#segments.splice(index, 1);
  }

  /** Learns what an earlier process left, one segment at a time so that the loop goes on. @throws the system's error. */
  async scan(): Promise<{ events: number; tornTails: number; damagedSegments: number }> {
    const { files } = this.#options;
    const names = listOrNone(files, this.directory);
    const cursor = names.includes(cursorName)
      ? parseCursor(await files.read(join(this.directory, cursorName)))
      : undefined;
    const found = { events: 0, tornTails: 0, damagedSegments: 0 };
    for (const number of segmentNumbers(names)) {
      const segment = newSegment(this.directory, number);
      const bytes = await files.read(segment.path);
      const delivered = deliveredBytes(cursor, number, bytes.length);
      const { records, end, tail } = scanRecords(bytes, delivered);
      if (tail === 'torn') found.tornTails++;
      if (tail === 'damaged') found.damagedSegments++;
      found.events += records;
      segment.sealed = true;
      this.#segments.push(segment);
      this.wrote(segment, records, end);
      if (cursor?.segment === number) this.#reader = { segment: number, offset: delivered };
    }
    this.removeDelivered();
    return found;
  }

  /** The next events, at least one if there is one. Trouble with a file is told; after the third time its rest is given up. */
  async read(limits: BatchLimits): Promise<JournalRead> {
    const segment = this.#segments.find(({ unread }) => unread > 0);
    if (segment === undefined) return { events: [], lost: 0 };
    const offset = segment.number === this.#reader.segment ? this.#reader.offset : 0;
    try {
      const bytes = await this.#bytesAt(segment, offset, limits.bytes);
      this.#failedReads = 0;
      return this.#parse(segment, { bytes, offset }, limits.events);
    } catch (thrown) {
      this.#options.onTrouble('read', messageOf(thrown));
      this.#failedReads++;
      return { events: [], lost: this.#failedReads < 3 ? 0 : this.#giveUp(segment) };
    }
  }

  /** The reader has these events already: they were kept in memory when they were written. */
  markRead(events: readonly StoredEvent[]): void {
    for (const event of events) {
      const segment = this.#segmentOf(event);
      if (segment === undefined || event.place === undefined) continue;
      segment.unread--;
      this.#unread--;
      this.#reader = { segment: segment.number, offset: event.place.end };
    }
  }

  /** Notes that `events`, the oldest that were read, are done with. The cursor may fail to follow: repeats, never loss. */
  advance(events: readonly StoredEvent[]): void {
    const last = events.at(-1)?.place;
    if (last === undefined) return;
    for (const event of events) {
      const segment = this.#segmentOf(event);
      if (segment === undefined) continue;
      segment.undelivered--;
      this.#undelivered--;
    }
    this.#attempt('cursor', () => this.#cursor.write({ segment: last.segment, offset: last.end }));
    this.removeDelivered();
  }

  removeDelivered(): void {
    for (let first = this.#segments[0]; first?.sealed === true && first.undelivered === 0; first = this.#segments[0]) {
      const { path, size } = first;
      this.#segments.shift();
      this.#bytes -= size;
      this.#attempt('remove', () => this.#options.files.remove(path));
    }
  }

  /** Ends the use of the directory; removes it when nothing in it is waiting. */
  close(): void {
    this.#attempt('cursor', () => this.#cursor.close());
    if (this.undelivered > 0) return;
    for (const segment of this.#segments) segment.sealed = true;
    this.removeDelivered();
    const { files } = this.#options;
    this.#attempt('remove', () => {
      const names = listOrNone(files, this.directory);
      for (const name of names) files.remove(join(this.directory, name));
      if (names.length > 0) files.removeDirectory(this.directory);
    });
  }

  /** A piece that holds at least one whole record, unless the file is shorter than it was. */
  async #bytesAt(segment: Segment, offset: number, wanted: number): Promise<Buffer> {
    const { files } = this.#options;
    const left = segment.size - offset;
    const bytes = await files.readPart(segment.path, offset, Math.min(wanted, left));
    const first = claimedBytes(bytes, 0) ?? 0;
    const isCut = first > bytes.length && first <= left;
    return isCut ? files.readPart(segment.path, offset, first) : bytes;
  }

  #parse(segment: Segment, { bytes, offset }: { bytes: Buffer; offset: number }, limit: number): JournalRead {
    const events: StoredEvent[] = [];
    let at = 0;
    while (events.length < limit && segment.unread > 0) {
      const record = readRecord(bytes, at);
      if (typeof record !== 'object') break;
      at = record.end;
      segment.unread--;
      this.#unread--;
      events.push(new StoredEvent(bytes, record, { place: { log: this, segment: segment.number, end: offset + at } }));
    }
    this.#reader = { segment: segment.number, offset: offset + at };
    return { events, lost: events.length === 0 ? this.#giveUp(segment) : 0 };
  }

  /** What is unread in `segment` cannot be read. Answers how many events that are. */
  #giveUp(segment: Segment): number {
    const lost = segment.unread;
    segment.unread = 0;
    segment.undelivered -= lost;
    this.#unread -= lost;
    this.#undelivered -= lost;
    this.#failedReads = 0;
    this.removeDelivered();
    return lost;
  }

  #segmentOf(event: StoredEvent): Segment | undefined {
    const number = event.place?.segment;
    return this.#segments.find((segment) => segment.number === number);
  }

  #attempt(operation: JournalOperation, action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.#options.onTrouble(operation, messageOf(thrown));
    }
  }
}

function deliveredBytes(cursor: CursorPlace | undefined, segment: number, size: number): number {
  if (cursor === undefined || cursor.segment < segment) return 0;
  return cursor.segment === segment ? Math.min(cursor.offset, size) : size;
}
