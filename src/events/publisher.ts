import type { Clock } from '../shared/clock.js';
import type { EventBacklog } from './event-backlog.js';
import type { EventAccounts, EventPublisher } from './event-publisher.js';
import type { EventSender } from './event-sender.js';
import type { EventSink } from './event-sink.js';
import type { Journal } from './journal/journal.js';
import { EventChunks, type StoredEvent } from './journal/stored-event.js';
import type { EventsOptions } from './options.js';
import type { PredictionRecord } from './prediction-event.js';
import { within } from './time-limit.js';
import { SharedWrite } from './shared-write.js';
import type { EventEncoder } from './wire-event.js';
import type { Timers } from '../shared/timers.js';

export interface QueuedEventPublisherOptions {
  readonly encoder: EventEncoder;
  readonly backlog: EventBacklog;
  readonly journal: Journal;
  readonly sender: EventSender;
  readonly sink: EventSink;
  readonly durability: EventsOptions['durability'];
  readonly clock: Clock;
  readonly timers: Timers;
}

const diskRetryMs = 1000;
/** Of the time to close, this share is for delivery; the rest is for the journal and the sink. */
const deliveryShare = 0.8;

/** Encodes each record at once, writes the turn's records to the journal together, and leaves delivery to the sender. */
export class QueuedEventPublisher implements EventPublisher {
  readonly #options: QueuedEventPublisherOptions;
  readonly #chunks = new EventChunks();
  readonly #write: SharedWrite;
  #cancelDiskRetry: (() => void) | undefined;
  #adopted: Promise<void> = Promise.resolve();
  #isDelivering = false;
  #closing: Promise<void> | undefined;

  constructor(options: QueuedEventPublisherOptions) {
    this.#options = options;
    this.#write = new SharedWrite(options.timers, () => this.#writeAll());
  }

  /** Takes over what earlier processes left, then delivers. New events may be recorded meanwhile; they are delivered after it. */
  start(): void {
    const { journal, sender } = this.#options;
    this.#adopted = journal.adopt().then(() => {
      this.#isDelivering = true;
      sender.wake();
    });
  }

  record(record: PredictionRecord): Promise<void> | void {
    const { backlog, durability } = this.#options;
    if (this.#closing !== undefined) return backlog.reject('closed');
    const event = this.#encode(record);
    if (event === undefined) return backlog.reject('not_encodable');
    backlog.add(event);
    if (durability === 'journal') return this.#write.done();
    this.#wake();
  }

  accounts(): EventAccounts {
    return this.#options.backlog.accounts();
  }

  /** unhealthy: events can neither be delivered nor written to disk, and are lost when memory is full. */
  health(): 'healthy' | 'degraded' | 'unhealthy' {
    const { journal, sender, backlog, durability } = this.#options;
    // With `durability: memory` the disk is used, and found to work again, only when memory is full.
    const isDiskUsed = durability === 'journal' || backlog.inMemory > 0;
    const isBlocked = isDiskUsed && (journal.inTrouble || journal.full);
    if (isBlocked && sender.failing) return 'unhealthy';
    return isBlocked || sender.failing ? 'degraded' : 'healthy';
  }

  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  #encode(record: PredictionRecord): StoredEvent | undefined {
    try {
      return this.#chunks.store(this.#options.encoder.encode(record));
    } catch {
      // Counted by the caller: `not_encodable`.
      return undefined;
    }
  }

  /** Answers what to wait for under `journal_fsync: always`. */
  #writeAll(): Promise<void> | undefined {
    this.#spillAll();
    this.#wake();
    return this.#options.journal.written();
  }

  #spillAll(): void {
    const { backlog, timers } = this.#options;
    backlog.spill(backlog.inMemory);
    // What the disk refused goes there as soon as it is back, also when no further event comes.
    if (backlog.inMemory > 0 && this.#closing === undefined) {
      this.#cancelDiskRetry ??= timers.after(diskRetryMs, () => {
        this.#cancelDiskRetry = undefined;
        this.#spillAll();
      });
    }
  }

  #wake(): void {
    if (this.#isDelivering) this.#options.sender.wake();
  }

  async #close(timeoutMs: number): Promise<void> {
    const { backlog, journal, sender, sink, clock, timers } = this.#options;
    const end = clock.monotonic() + timeoutMs;
    this.#cancelDiskRetry?.();
    this.#write.now();
    const delivery = this.#adopted.then(() => sender.finish(() => this.#isSafe()));
    await within(delivery, timeoutMs * deliveryShare, timers);
    sender.stop();
    if (!this.#isSafe()) backlog.abandon();
    const closed = Promise.allSettled([journal.close(), sink.close()]);
    await within(closed, Math.max(0, end - clock.monotonic()), timers);
  }

  /** Whether all that waits is on disk, after a last try to bring it there. */
  #isSafe(): boolean {
    const { backlog, journal } = this.#options;
    journal.retryNow();
    backlog.spill(backlog.inMemory);
    return backlog.inMemory === 0;
  }
}
