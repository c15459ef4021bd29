import { messageOf } from '../../shared/errors.js';
import type { Clock } from '../../shared/clock.js';
import type { Timers } from '../../shared/timers.js';
import type { DiskSync } from '../disk-sync.js';
import type { EventAccounts, EventPublisher } from '../event-publisher.js';
import type { EventsObserver, JournalOperation } from '../observer.js';
import type { EventsOptions } from '../options.js';
import type { PredictionRecord } from '../prediction-event.js';
import { SharedWrite } from '../shared-write.js';
import { within } from '../time-limit.js';
import type { EventEncoder } from '../wire-event.js';
import type { EventFile } from './event-file.js';
import type { LineBacklog } from './line-backlog.js';

export interface FileEventPublisherOptions {
  readonly encoder: EventEncoder;
  readonly backlog: LineBacklog;
  readonly file: EventFile;
  /** That of `file`. */
  readonly sync: DiskSync;
  readonly durability: EventsOptions['durability'];
  readonly flushIntervalMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: EventsObserver;
}

/** How long a disk that refused a write is left alone: a failing system call in each turn would cost more than it brings. */
const retryMs = 1000;
/** Between two pieces of what was kept in memory meanwhile, so that the loop goes on. */
const nextPieceMs = 1;

/**
 * The event file is the journal: each event is written to it once, by one write for all events of a callback, before the replies.
 * What the file refuses waits in memory, up to `buffer_size` events, and no prediction waits for it.
 */
export class FileEventPublisher implements EventPublisher {
  readonly #options: FileEventPublisherOptions;
  readonly #shared: SharedWrite;
  /** The file refused something, and has not taken all of it since. */
  #isInTrouble = false;
  #cancelFlush: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: FileEventPublisherOptions) {
    this.#options = options;
    this.#shared = new SharedWrite(options.timers, () => this.#flush());
  }

  /** Opens the file now, so that trouble is known before the first prediction. */
  start(): void {
    try {
      this.#options.file.open();
    } catch (thrown) {
      this.#noteTrouble('open', thrown);
    }
  }

  record(record: PredictionRecord): Promise<void> | void {
    const { backlog, durability, timers, flushIntervalMs } = this.#options;
    if (this.#closing !== undefined) return backlog.reject('closed');
    const json = this.#encode(record);
    if (json === undefined) return backlog.reject('not_encodable');
    backlog.add(json);
    if (backlog.isFull) void this.#flush();
    if (durability === 'journal') return this.#shared.done();
    if (backlog.inMemory > 0) this.#cancelFlush ??= timers.after(flushIntervalMs, () => this.#endInterval());
  }

  accounts(): EventAccounts {
    return this.#options.backlog.accounts();
  }

  /** degraded: events wait in memory. unhealthy: more than fit into it, and the oldest are lost. */
  health(): 'healthy' | 'degraded' | 'unhealthy' {
    if (!this.#isInTrouble) return 'healthy';
    return this.#options.backlog.isLosing ? 'unhealthy' : 'degraded';
  }

  close(timeoutMs: number): Promise<void> {
    // Later, since the way to the end must find `#closing` set.
    this.#closing ??= Promise.resolve().then(() => this.#close(timeoutMs));
    return this.#closing;
  }

  #encode(record: PredictionRecord): string | undefined {
    try {
      return this.#options.encoder.encode(record).text;
    } catch {
      // Counted by the caller: `not_encodable`.
      return undefined;
    }
  }

  #endInterval(): void {
    this.#cancelFlush = undefined;
    void this.#flush();
  }

  /** Answers what to wait for under `journal_fsync: always`. */
  #flush(): Promise<void> | undefined {
    const { backlog, sync } = this.#options;
    if (!this.#isInTrouble && backlog.inMemory > 0) this.#write();
    backlog.keep();
    return sync.written();
  }

  #retry(): void {
    this.#cancelRetry = undefined;
    if (this.#write() && this.#isInTrouble) this.#retryAfter(nextPieceMs);
    void this.#options.sync.written();
  }

  /** Writes what waits first; false where the file refuses it. */
  #write(): boolean {
    const { backlog, file, clock, observer } = this.#options;
    const start = clock.monotonic();
    const { texts, count } = backlog.first();
    try {
      if (count === 0) file.open();
      else file.append(texts);
    } catch (thrown) {
      this.#noteTrouble('write', thrown);
      return false;
    }
    backlog.wrote(count);
    if (count > 0) observer.delivered(count, clock.monotonic() - start);
    if (this.#isInTrouble && backlog.kept === 0) {
      this.#isInTrouble = false;
      observer.journalRecovered();
    }
    return true;
  }

  #noteTrouble(operation: JournalOperation, thrown: unknown): void {
    this.#isInTrouble = true;
    this.#options.observer.journalTrouble(operation, messageOf(thrown));
    this.#retryAfter(retryMs);
  }

  #retryAfter(milliseconds: number): void {
    if (this.#closing !== undefined) return;
    this.#cancelRetry ??= this.#options.timers.after(milliseconds, () => this.#retry());
  }

  async #close(timeoutMs: number): Promise<void> {
    const { backlog, file, clock, timers } = this.#options;
    const end = clock.monotonic() + timeoutMs;
    this.#cancelFlush?.();
    this.#cancelRetry?.();
    this.#shared.now();
    void this.#flush();
    while (backlog.inMemory > 0 && this.#write() && clock.monotonic() < end);
    backlog.abandon();
    await within(file.close(), Math.max(0, end - clock.monotonic()), timers);
  }
}
