import type { EventAccounts } from '../event-publisher.js';
import { EventQueue } from '../event-queue.js';
import type { DropReason, EventsObserver } from '../observer.js';

export interface LineBacklogOptions {
  /** Events in memory, at most. */
  readonly bufferSize: number;
  readonly observer: EventsObserver;
}

/** Lines, each with its newline. */
export interface Lines {
  readonly text: string;
  readonly count: number;
}

/** Lines are written when they are so many characters. */
const largestText = 1024 * 1024;
const largestPiece = 500;

/**
 * The events that wait for the file, oldest first, and the accounts of all events. New ones are one text, since nearly always that
 * is written whole; what the file did not take is kept apart line by line, so that the oldest can be dropped.
 */
export class LineBacklog {
  readonly #options: LineBacklogOptions;
  readonly #kept = new EventQueue<string>();
  #text = '';
  #count = 0;
  #offered = 0;
  #written = 0;
  #dropped = 0;
  #isLosing = false;

  constructor(options: LineBacklogOptions) {
    this.#options = options;
  }

  get inMemory(): number {
    return this.#kept.length + this.#count;
  }

  /** Events that the file refused before. */
  get kept(): number {
    return this.#kept.length;
  }

  /** Time to write: no more should wait. */
  get isFull(): boolean {
    return this.#text.length >= largestText || this.inMemory >= this.#options.bufferSize;
  }

  /** Events were dropped since the file last took some. */
  get isLosing(): boolean {
    return this.#isLosing;
  }

  accounts(): EventAccounts {
    return {
      offered: this.#offered,
      delivered: this.#written,
      journaled: 0,
      dropped: this.#dropped,
      inMemory: this.inMemory,
    };
  }

  add(json: string): void {
    this.#offered++;
    this.#count++;
    this.#text += json + '\n';
  }

  /** An event that never became one. */
  reject(reason: DropReason): void {
    this.#offered++;
    this.#drop(reason, 1);
  }

  /** What is to be written next: the new lines, or the first of those that were kept. */
  first(): Lines {
    if (this.#kept.length === 0) return { text: this.#text, count: this.#count };
    let text = '';
    let count = 0;
    for (const line of this.#kept.first(largestPiece)) {
      text += line + '\n';
      count++;
      if (text.length >= largestText) break;
    }
    return { text, count };
  }

  /** What `first` gave is in the file. */
  wrote(count: number): void {
    this.#written += count;
    this.#isLosing = false;
    if (this.#kept.length > 0) return this.#kept.remove(count);
    this.#text = '';
    this.#count = 0;
  }

  /** Keeps the new lines apart, and drops the oldest of all beyond `bufferSize`. */
  keep(): void {
    if (this.#count === 0) return;
    const lines = this.#text.split('\n');
    for (const line of lines.slice(0, this.#count)) this.#kept.push(line);
    this.#text = '';
    this.#count = 0;
    const surplus = this.#kept.length - this.#options.bufferSize;
    if (surplus <= 0) return;
    this.#kept.remove(surplus);
    this.#isLosing = true;
    this.#drop('memory_full', surplus);
  }

  /** Gives up all that waits. */
  abandon(): void {
    const count = this.inMemory;
    this.#kept.clear();
    this.#text = '';
    this.#count = 0;
    if (count > 0) this.#drop('closed', count);
  }

  #drop(reason: DropReason, events: number): void {
    this.#dropped += events;
    this.#options.observer.dropped(reason, events);
  }
}
