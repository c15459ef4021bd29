import { EventQueue } from './event-queue.js';
import type { EventAccounts } from './event-publisher.js';
import { withinBytes, type Journal } from './journal/journal.js';
import type { BatchLimits } from './journal/journal-log.js';
import type { StoredEvent } from './journal/stored-event.js';
import type { DropReason, EventsObserver } from './observer.js';
import type { EventsOptions } from './options.js';

export interface EventBacklogOptions {
  readonly journal: Journal;
  readonly durability: EventsOptions['durability'];
  /** Events in memory only, at most. */
  readonly bufferSize: number;
  readonly observer: EventsObserver;
}

/** With `durability: memory` so many events go to the disk by one write, when memory is full. */
const largestSpill = 500;

/**
 * All events that wait, oldest first: on disk, then in memory. One batch at a time is taken from the front; it stays counted
 * where it is until it is settled.
 */
export class EventBacklog {
  readonly #options: EventBacklogOptions;
  readonly #memory = new EventQueue<StoredEvent>();
  /** Events of the batch being delivered that are in memory only; older than those in `#memory`. */
  #taken: StoredEvent[] = [];
  #offered = 0;
  #delivered = 0;
  #dropped = 0;

  constructor(options: EventBacklogOptions) {
    this.#options = options;
  }

  /** Events that nobody has taken. */
  get waiting(): number {
    return this.#options.journal.unread + this.#memory.length;
  }

  get inMemory(): number {
    return this.#memory.length + this.#taken.length;
  }

  accounts(): EventAccounts {
    const { journal } = this.#options;
    return {
      offered: this.#offered + journal.replayedEvents,
      delivered: this.#delivered,
      journaled: journal.undelivered,
      dropped: this.#dropped,
      inMemory: this.inMemory,
    };
  }

  /** Takes an event into memory. When memory is full, events go to disk at once, or one is dropped. */
  add(event: StoredEvent): void {
    const { bufferSize, durability } = this.#options;
    this.#offered++;
    this.#memory.push(event);
    if (this.inMemory <= bufferSize) return;
    this.spill(durability === 'journal' ? this.inMemory : Math.min(largestSpill, Math.ceil(bufferSize / 2)));
    if (this.inMemory > bufferSize) this.#dropOne();
  }

  /** An event that never became one. */
  reject(reason: DropReason): void {
    this.#offered++;
    this.#drop(reason, 1);
  }

  /** Writes up to `count` of the oldest events in memory to disk, by one write. What cannot be written stays. */
  spill(count: number): void {
    if (this.inMemory === 0) return;
    const taken = this.#taken.slice(0, count);
    const events = [...taken, ...this.#memory.first(count - taken.length)];
    const written = this.#options.journal.append(events, taken.length);
    const writtenTaken = Math.min(written, taken.length);
    this.#taken = this.#taken.slice(writtenTaken);
    this.#memory.remove(written - writtenTaken);
  }

  /** The next batch, oldest first. Empty when nothing waits, or when the disk did not give it. */
  async take(limits: BatchLimits): Promise<StoredEvent[]> {
    const { journal } = this.#options;
    if (journal.unread > 0) {
      const { events, lost } = await journal.read(limits);
      if (lost > 0) this.#drop('journal_unreadable', lost);
      return events;
    }
    const events = withinBytes(this.#memory.first(limits.events), limits.bytes);
    this.#memory.remove(events.length);
    this.#taken = [...events];
    return events;
  }

  /** The batch taken last is done with: all of it delivered, but for `refused` events. */
  settle(batch: readonly StoredEvent[], refused: number): void {
    this.#options.journal.advance(batch.filter(({ place }) => place !== undefined));
    for (const event of batch) event.release();
    this.#taken = [];
    this.#delivered += batch.length - refused;
    if (refused > 0) this.#drop('refused', refused);
  }

  /** Gives up what is in memory. */
  abandon(): void {
    const count = this.inMemory;
    this.#taken = [];
    this.#memory.clear();
    if (count > 0) this.#drop('closed', count);
  }

  /** Under a full journal what is new is dropped; otherwise what is oldest in memory. */
  #dropOne(): void {
    const { journal, durability } = this.#options;
    if (durability === 'journal' && journal.full) {
      this.#memory.removeAt(this.#memory.length - 1);
      this.#drop('journal_full', 1);
    } else {
      this.#memory.remove(1);
      this.#drop('memory_full', 1);
    }
  }

  #drop(reason: DropReason, events: number): void {
    this.#dropped += events;
    this.#options.observer.dropped(reason, events);
  }
}
