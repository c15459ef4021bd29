import type { EventAccounts } from '../event-publisher.js';
import { EventQueue } from '../event-queue.js';
import type { DropReason, EventsObserver } from '../observer.js';

export interface LineBacklogOptions {
  /** Events in memory, at most. */
  readonly bufferSize: number;
  readonly observer: EventsObserver;
}

/** Lines, each with its newline, in pieces of text. */
export interface Lines {
  readonly texts: readonly string[];
  readonly count: number;
}

/** Lines are written when they are so many characters. */
const largestText = 1024 * 1024;
/** V8 brings a text together when it is written, and gives one of more than 128 KiB memory from the system each time. */
const largestPiece = 32 * 1024;
const mostKept = 500;

/**
 * The events that wait for the file, oldest first, and the accounts of all events. New ones are joined, since nearly always they
 * are written together; what the file did not take is kept apart line by line, so that the oldest can be dropped.
 */
export class LineBacklog {
  readonly #options: LineBacklogOptions;
  readonly #kept = new EventQueue<string>();
  /** New lines: full pieces, and the one that grows. */
  #pieces: string[] = [];
  #text = '';
  #characters = 0;
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
    return this.#characters >= largestText || this.inMemory >= this.#options.bufferSize;
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
    this.#characters += json.length + 1;
    this.#text += json + '\n';
    if (this.#text.length < largestPiece) return;
    this.#pieces.push(this.#text);
    this.#text = '';
  }

  /** An event that never became one. */
  reject(reason: DropReason): void {
    this.#offered++;
    this.#drop(reason, 1);
  }

  /** What is to be written next: the new lines, or the first of those that were kept. */
  first(): Lines {
    if (this.#kept.length === 0) return { texts: [...this.#pieces, this.#text], count: this.#count };
    const texts: string[] = [];
    let characters = 0;
    for (const line of this.#kept.first(mostKept)) {
      texts.push(line + '\n');
      characters += line.length;
      if (characters >= largestText) break;
    }
    return { texts, count: texts.length };
  }

  /** What `first` gave is in the file. */
  wrote(count: number): void {
    this.#written += count;
    this.#isLosing = false;
    if (this.#kept.length > 0) return this.#kept.remove(count);
    this.#forgetNew();
  }

  /** Keeps the new lines apart, and drops the oldest of all beyond `bufferSize`. */
  keep(): void {
    if (this.#count === 0) return;
    const lines = [...this.#pieces, this.#text].join('').split('\n');
    for (const line of lines.slice(0, this.#count)) this.#kept.push(line);
    this.#forgetNew();
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
    this.#forgetNew();
    if (count > 0) this.#drop('closed', count);
  }

  #forgetNew(): void {
    this.#pieces = [];
    this.#text = '';
    this.#characters = 0;
    this.#count = 0;
  }

  #drop(reason: DropReason, events: number): void {
    this.#dropped += events;
    this.#options.observer.dropped(reason, events);
  }
}
