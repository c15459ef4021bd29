import type { WireEvent } from '../event-sink.js';
import type { EncodedEvent } from '../wire-event.js';
import { recordBound, writeRecord, type RecordParts } from './record-format.js';

/** Where an event stands on disk: the segment and the offset just behind its record. */
export interface JournalPlace {
  readonly log: object;
  readonly segment: number;
  readonly end: number;
}

/**
 * An event in the form in which it is written, sent and read back: its record is a piece of a chunk that it shares with its
 * neighbours. So a turn's events are one write and no bytes are copied.
 */
export class StoredEvent implements WireEvent {
  readonly id: string;
  readonly key: string;
  readonly chunk: Buffer;
  readonly start: number;
  readonly end: number;
  readonly #jsonStart: number;
  /** undefined while it is in memory only. */
  place: JournalPlace | undefined;

  constructor(chunk: Buffer, { id, key, start, jsonStart, end }: RecordParts, place?: JournalPlace) {
    this.chunk = chunk;
    this.id = id;
    this.key = key;
    this.start = start;
    this.end = end;
    this.#jsonStart = jsonStart;
    this.place = place;
  }

  get json(): Buffer {
    return this.chunk.subarray(this.#jsonStart, this.end);
  }

  /** Of the whole record. */
  get bytes(): number {
    return this.end - this.start;
  }
}

const chunkBytes = 256 * 1024;

/** Makes stored events, side by side in chunks. A chunk lives as long as one of its events. */
export class EventChunks {
  #chunk = Buffer.alloc(0);
  #used = 0;

  /** @throws RangeError when id or key are too long. */
  store({ id, key, text }: EncodedEvent): StoredEvent {
    const bound = recordBound(id, key, text);
    if (this.#used + bound > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bound));
      this.#used = 0;
    }
    const start = this.#used;
    const { jsonStart, end } = writeRecord(this.#chunk, start, { id, key, text });
    this.#used = end;
    return new StoredEvent(this.#chunk, { id, key, start, jsonStart, end });
  }
}

/** The records of `events` as few buffers: neighbours in a chunk are one. */
export function contiguousBuffers(events: Iterable<StoredEvent>): Buffer[] {
  const buffers: Buffer[] = [];
  let first: StoredEvent | undefined;
  let last: StoredEvent | undefined;
  for (const event of events) {
    if (first !== undefined && last !== undefined && (event.chunk !== last.chunk || event.start !== last.end)) {
      buffers.push(first.chunk.subarray(first.start, last.end));
      first = event;
    }
    first ??= event;
    last = event;
  }
  if (first !== undefined && last !== undefined) buffers.push(first.chunk.subarray(first.start, last.end));
  return buffers;
}
