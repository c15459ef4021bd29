import { pino } from 'pino';
import { systemTimers, type Timers } from '../shared/timers.js';

/** Where finished lines go, and what makes sure that they arrive. */
export interface LogDestination {
  write(line: string): void;
  flushSync(): void;
}

/** What takes lines by the thousand, and tells of those that it had to drop. */
export interface LineWriter {
  write(lines: string): unknown;
  flushSync(): void;
  on(event: 'drop', told: (lines: string) => void): unknown;
}

const largestHeld = 64 * 1024;
const flushAfterMs = 20;
/** Bytes that wait for a reader that stands still; what comes on top is dropped. */
const largestWaiting = 8 * 1024 * 1024;

/**
 * Holds lines back for a moment, so that many go out in one write; drops lines, counted, when their reader stands still. They are
 * joined here, as the writer measures all that it holds anew with each line.
 */
export class LogLines implements LogDestination {
  readonly #writer: LineWriter;
  readonly #timers: Pick<Timers, 'after'>;
  #held = '';
  #cancelFlush: (() => void) | undefined;

  constructor(writer: LineWriter, onDrop: (lines: number) => void, timers: Pick<Timers, 'after'> = systemTimers) {
    this.#writer = writer;
    this.#timers = timers;
    writer.on('drop', (lines) => onDrop(lines.split('\n').length - 1));
  }

  write(line: string): void {
    this.#held += line;
    if (this.#held.length >= largestHeld) this.#flush();
    // Armed by a line: a service that has nothing to say need not wake up.
    else this.#cancelFlush ??= this.#timers.after(flushAfterMs, () => this.#flush());
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    if (this.#held === '') return;
    const lines = this.#held;
    this.#held = '';
    this.#writer.write(lines);
  }

  flushSync(): void {
    this.#flush();
    this.#writer.flushSync();
  }
}

/** To standard output. `onDrop` is told how many lines were dropped. */
export function createLogLines(onDrop: (lines: number) => void): LogLines {
  const writer = pino.destination({ dest: 1, sync: false, maxLength: largestWaiting });
  return new LogLines(writer, onDrop);
}
