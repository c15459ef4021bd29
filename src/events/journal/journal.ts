import { messageOf } from '../../shared/errors.js';
import type { Clock } from '../../shared/clock.js';
import { EventQueue } from '../event-queue.js';
import type { EventsObserver } from '../observer.js';
import type { EventsOptions } from '../options.js';
import { JournalDirectories } from './journal-directories.js';
import type { JournalFiles } from './journal-files.js';
import { JournalLog, type BatchLimits, type JournalRead } from './journal-log.js';
import { DiskSync } from '../disk-sync.js';
import { JournalWriter } from './journal-writer.js';
import type { ProcessTable } from './process-table.js';
import type { StoredEvent } from './stored-event.js';
import type { Timers } from '../../shared/timers.js';

export interface JournalOptions {
  /** Holds one directory for each worker of each process that ran. */
  readonly root: string;
  readonly worker: string;
  readonly events: Pick<EventsOptions, 'journal_fsync' | 'journal_max_bytes'>;
  /** Of the newest events so many stay in memory, so that they need not be read back. */
  readonly cachedEvents: number;
  readonly files: JournalFiles;
  readonly processes: ProcessTable;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: EventsObserver;
}

const largestSegmentBytes = 8 * 1024 * 1024;

/** Events on disk, in the order in which they are to be delivered: those of dead processes first, then this worker's own. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #directories: JournalDirectories;
  readonly #sync: DiskSync;
  readonly #own: JournalLog;
  readonly #writer: JournalWriter;
  #adopted: JournalLog[] = [];
  /** The unread events of the own log, all of them or none. */
  readonly #cached = new EventQueue<StoredEvent>();
  #full = false;
  #replayedEvents = 0;

  constructor(options: JournalOptions) {
    const { files, clock, timers, observer, events } = options;
    this.#options = options;
    this.#directories = new JournalDirectories(options);
    this.#sync = new DiskSync({
      files,
      timers,
      policy: events.journal_fsync,
      onFailure: (reason) => observer.journalTrouble('sync', reason),
    });
    this.#own = this.#logAt(this.#directories.newPath());
    this.#writer = new JournalWriter(this.#own, {
      files,
      clock,
      sync: this.#sync,
      segmentBytes: Math.min(largestSegmentBytes, Math.floor(events.journal_max_bytes / 8)),
      onTrouble: (operation, reason) => observer.journalTrouble(operation, reason),
      onRecovered: () => observer.journalRecovered(),
    });
  }

  get undelivered(): number {
    return this.#adopted.reduce((sum, log) => sum + log.undelivered, this.#own.undelivered);
  }

  get unread(): number {
    return this.#adopted.reduce((sum, log) => sum + log.unread, this.#own.unread);
  }

  /** Events taken over from earlier processes so far. */
  get replayedEvents(): number {
    return this.#replayedEvents;
  }

  /** The last write failed. */
  get inTrouble(): boolean {
    return this.#writer.inTrouble;
  }

  /** The last events did not fit into `journal_max_bytes`. */
  get full(): boolean {
    return this.#full;
  }

  /** Takes over what dead processes left. Never rejects: what cannot be read now waits for the next start. */
  async adopt(): Promise<void> {
    const total = { events: 0, tornTails: 0, damagedSegments: 0 };
    for (const path of this.#orphans()) {
      const log = this.#logAt(path);
      try {
        const found = await log.scan();
        total.events += found.events;
        total.tornTails += found.tornTails;
        total.damagedSegments += found.damagedSegments;
      } catch (thrown) {
        this.#options.observer.journalTrouble('adopt', messageOf(thrown));
        continue;
      }
      this.#adopted.push(log);
      this.#replayedEvents += log.undelivered;
      this.#closeFinished();
    }
    if (total.events + total.tornTails + total.damagedSegments > 0) this.#options.observer.replayed(total);
  }

  /**
   * Writes the first of `events`, by one call, and answers how many: as many as fit, or none when the disk refuses. The first
   * `taken` of them are being delivered already.
   */
  append(events: readonly StoredEvent[], taken: number): number {
    const fitting = this.#fitting(events);
    this.#full = fitting.length < events.length;
    const unread = this.#own.unread;
    if (fitting.length === 0 || !this.#writer.append(fitting)) return 0;
    this.#own.markRead(fitting.slice(0, taken));
    this.#cache(fitting.slice(taken), unread);
    return fitting.length;
  }

  /** Under `journal_fsync: always` settles when all that was appended is on the disk; else there is nothing to wait for. */
  written(): Promise<void> | undefined {
    return this.#sync.written();
  }

  /** The next append is tried even if the last one failed just now. */
  retryNow(): void {
    this.#writer.retryNow();
  }

  /** The next events that nobody has read. One call at a time. */
  async read(limits: BatchLimits): Promise<JournalRead> {
    const log = this.#adopted.find(({ unread }) => unread > 0);
    if (log === undefined && this.#cached.length > 0) return { events: this.#takeCached(limits), lost: 0 };
    const read = await (log ?? this.#own).read(limits);
    this.#closeFinished();
    return read;
  }

  /** Notes that `events` (the oldest that were read, of one read) are done with. */
  advance(events: readonly StoredEvent[]): void {
    const log = [...this.#adopted, this.#own].find((candidate) => candidate === events[0]?.place?.log);
    log?.advance(events);
    this.#closeFinished();
  }

  /** Leaves what was not delivered to the next process. */
  async close(): Promise<void> {
    this.#writer.seal();
    await this.#sync.close();
    for (const log of [...this.#adopted, this.#own]) {
      log.close();
      if (log.undelivered > 0) this.#release(log);
    }
  }

  #logAt(path: string): JournalLog {
    const { files, observer } = this.#options;
    return new JournalLog(path, {
      files,
      onTrouble: (operation, reason) => observer.journalTrouble(operation, reason),
    });
  }

  #orphans(): string[] {
    try {
      return this.#directories.adopt();
    } catch (thrown) {
      this.#options.observer.journalTrouble('adopt', messageOf(thrown));
      return [];
    }
  }

  #release(log: JournalLog): void {
    try {
      this.#directories.release(log.directory);
    } catch (thrown) {
      // It stays this process's, and is taken over when the process is gone.
      this.#options.observer.journalTrouble('adopt', messageOf(thrown));
    }
  }

  #closeFinished(): void {
    for (const log of this.#adopted) if (log.undelivered === 0) log.close();
    this.#adopted = this.#adopted.filter((log) => log.undelivered > 0);
  }

  #fitting(events: readonly StoredEvent[]): readonly StoredEvent[] {
    let room =
      this.#options.events.journal_max_bytes - this.#adopted.reduce((sum, log) => sum + log.bytes, this.#own.bytes);
    const end = events.findIndex(({ bytes }) => (room -= bytes) < 0);
    return end === -1 ? events : events.slice(0, end);
  }

  #cache(events: readonly StoredEvent[], unreadBefore: number): void {
    const isComplete = unreadBefore === this.#cached.length;
    if (isComplete && this.#cached.length + events.length <= this.#options.cachedEvents) {
      for (const event of events) this.#cached.push(event);
    } else {
      this.#cached.clear();
    }
  }

  #takeCached(limits: BatchLimits): StoredEvent[] {
    const events = withinBytes(this.#cached.first(limits.events), limits.bytes);
    this.#cached.remove(events.length);
    this.#own.markRead(events);
    return events;
  }
}

/** The first of `events` that together take no more than `bytes`, but one at least. */
export function withinBytes(events: StoredEvent[], bytes: number): StoredEvent[] {
  let left = bytes;
  const end = events.findIndex((event, index) => (left -= event.bytes) < 0 && index > 0);
  return end === -1 ? events : events.slice(0, end);
}
