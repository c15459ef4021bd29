import { messageOf } from '../shared/errors.js';
import type { Clock } from '../shared/clock.js';
import type { EventBacklog } from './event-backlog.js';
import { EventsRefusedError, type EventSink } from './event-sink.js';
import type { StoredEvent } from './journal/stored-event.js';
import type { EventsObserver } from './observer.js';
import type { Timers } from '../shared/timers.js';

export interface EventSenderOptions {
  readonly backlog: EventBacklog;
  readonly sink: EventSink;
  readonly flushIntervalMs: number;
  readonly batchEvents: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: EventsObserver;
  /** 0 ≤ r < 1; spreads the retries of many workers. */
  readonly random: () => number;
}

const batchBytes = 512 * 1024;
const firstPauseMs = 100;
const longestPauseMs = 10_000;

/**
 * Brings the backlog to the sink: one batch at a time, in order. A batch that fails is sent again, after growing pauses, until
 * it is delivered: nothing overtakes it.
 */
export class EventSender {
  readonly #options: EventSenderOptions;
  #sending = false;
  #stopped = false;
  #failing = false;
  #cancelFlush: (() => void) | undefined;
  #endPause: (() => void) | undefined;
  /** Called when there is nothing left to do, or a delivery failed: `finish` waits for it. */
  #onRest: (() => void) | undefined;

  constructor(options: EventSenderOptions) {
    this.#options = options;
  }

  /** The last delivery failed. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Events were added. */
  wake(): void {
    const { backlog, batchEvents, timers, flushIntervalMs } = this.#options;
    if (this.#sending || this.#stopped || backlog.waiting === 0) return;
    if (backlog.waiting >= batchEvents || this.#onRest !== undefined) void this.#send();
    else this.#cancelFlush ??= timers.after(flushIntervalMs, () => void this.#send());
  }

  /** Sends all that waits without waiting for more. Settles when it is delivered, or a delivery failed and `isSafe` says that it may rest. */
  finish(isSafe: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onRest = () => {
        const isDone = this.#options.backlog.waiting === 0 && !this.#sending;
        if (isDone || (this.#failing && isSafe())) resolve();
      };
      this.#endPause?.();
      this.wake();
      this.#onRest();
    });
  }

  /** No further attempt. One that runs is left alone, its outcome is not counted. */
  stop(): void {
    this.#stopped = true;
    this.#cancelFlush?.();
    this.#endPause?.();
  }

  async #send(): Promise<void> {
    const { backlog, batchEvents } = this.#options;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#sending = true;
    do {
      const batch = await backlog.take({ events: batchEvents, bytes: batchBytes });
      if (batch.length > 0) await this.#deliver(batch);
      else if (backlog.waiting > 0) await this.#pause(firstPauseMs);
    } while (!this.#stopped && (backlog.waiting >= batchEvents || (this.#onRest !== undefined && backlog.waiting > 0)));
    this.#sending = false;
    this.#onRest?.();
    this.wake();
  }

  async #deliver(batch: readonly StoredEvent[]): Promise<void> {
    let rest = batch;
    for (let attempt = 1; !this.#stopped; attempt++) {
      const kept = await this.#attempt(rest, attempt);
      if (this.#stopped) return;
      if (!this.#failing || kept.length === 0) return this.#settle(batch, kept.length);
      if (kept.length === rest.length) await this.#pause(this.#pauseAfter(attempt));
      rest = kept;
    }
  }

  /** Tries once, and sets `#failing`. Answers `events` without those that the sink will never take. */
  async #attempt(events: readonly StoredEvent[], attempt: number): Promise<readonly StoredEvent[]> {
    const { sink, clock, observer } = this.#options;
    const start = clock.monotonic();
    try {
      await sink.deliver(events);
      this.#failing = false;
      observer.delivered(events.length, clock.monotonic() - start);
      return events;
    } catch (thrown) {
      this.#failing = true;
      observer.deliveryFailed(messageOf(thrown), attempt);
      this.#onRest?.();
      return thrown instanceof EventsRefusedError ? events.filter(({ id }) => !thrown.ids.has(id)) : events;
    }
  }

  #settle(batch: readonly StoredEvent[], delivered: number): void {
    this.#failing = false;
    this.#options.backlog.settle(batch, batch.length - delivered);
  }

  /** Doubles from 100 ms to 10 s; the later half of it is random. */
  #pauseAfter(attempt: number): number {
    const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(attempt - 1, 20));
    return pause * (0.5 + this.#options.random() / 2);
  }

  #pause(milliseconds: number): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(milliseconds, () => this.#endPause?.());
      this.#endPause = () => {
        this.#endPause = undefined;
        cancel();
        resolve();
      };
    });
  }
}
