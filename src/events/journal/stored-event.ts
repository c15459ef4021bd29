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
  readonly #owner: EventChunk | undefined;
  readonly id: string;
  readonly key: string;
  readonly chunk: Buffer;
  readonly start: number;
  readonly end: number;
  readonly #jsonStart: number;
  /** undefined while it is in memory only. */
  place: JournalPlace | undefined;

  /** `origin`: the chunk that gave the bytes, where one did, or the place that they were read from. */
  constructor(
    chunk: Buffer,
    { id, key, start, jsonStart, end }: RecordParts,
    { owner, place }: { readonly owner?: EventChunk; readonly place?: JournalPlace },
  ) {
    this.chunk = chunk;
    this.#owner = owner;
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

  /** Nobody will read it any more: its bytes may become another event's. */
  release(): void {
    this.#owner?.release();
  }

  /** Of the whole record. */
  get bytes(): number {
    return this.end - this.start;
  }
}

const chunkBytes = 256 * 1024;
/** Chunks kept for reuse: what flows through steadily needs a few, a backlog many more, which are then given up. */
const mostFree = 16;

/** Bytes that several events share. */
class EventChunk {
  readonly buffer: Buffer;
  used = 0;
  /** Takes no further event. */
  sealed = false;
  #live = 0;
  readonly #onFree: (chunk: EventChunk) => void;

  constructor(bytes: number, onFree: (chunk: EventChunk) => void) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.#onFree = onFree;
  }

  hold(): void {
    this.#live++;
  }

  release(): void {
    this.#live--;
    this.freeIfDone();
  }

  freeIfDone(): void {
    if (this.sealed && this.#live === 0) this.#onFree(this);
  }
}

/**
 * Makes stored events, side by side in chunks. A chunk is used again once all of its events are released: fresh ones by the megabyte made
 * V8 collect its whole heap every two seconds at 5,000 events a second.
 */
export class EventChunks {
  #current: EventChunk | undefined;
  readonly #free: EventChunk[] = [];

  /** @throws RangeError when id or key are too long. */
  store({ id, key, text }: EncodedEvent): StoredEvent {
    const chunk = this.#chunkFor(recordBound(id, key, text));
    const start = chunk.used;
    const { jsonStart, end } = writeRecord(chunk.buffer, start, { id, key, text });
    chunk.used = end;
    chunk.hold();
    return new StoredEvent(chunk.buffer, { id, key, start, jsonStart, end }, { owner: chunk });
  }

  #chunkFor(bound: number): EventChunk {
    const current = this.#current;
    if (current !== undefined && current.used + bound <= current.buffer.length) return current;
    const next = bound > chunkBytes ? this.#newChunk(bound) : (this.#free.pop() ?? this.#newChunk(chunkBytes));
    this.#current = next;
    if (current !== undefined) {
      current.sealed = true;
      current.freeIfDone();
    }
    return next;
  }

  #newChunk(bytes: number): EventChunk {
    return new EventChunk(bytes, (chunk) => this.#keep(chunk));
  }

  #keep(chunk: EventChunk): void {
    if (this.#free.length >= mostFree || chunk.buffer.length !== chunkBytes) return;
    chunk.used = 0;
    chunk.sealed = false;
    this.#free.push(chunk);
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
