import type { Clock } from '../shared/clock.js';

/**
 * The share of the whole bound that may be waited while the overload lasts. The estimate is of the mean wait: those who wait longer than
 * that should be in time too.
 */
export const lastingShare = 0.8;
/** Overload lasts when refusals have gone on for so long, and is over when none was needed for as long. */
export const lastsAfterMs = 100;

/**
 * How long one may wait behind the event loop: a burst for all of `maxMs`, and for less once refusals show that more comes than is done.
 * A queue that stays full absorbs nothing: it only makes everybody late (K. Nichols, V. Jacobson: Controlling Queue Delay, 2012).
 */
export class QueueBound {
  readonly #maxMs: number;
  readonly #clock: Clock;
  #refusedSince = Number.NEGATIVE_INFINITY;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(maxMs: number, clock: Clock) {
    this.#maxMs = maxMs;
    this.#clock = clock;
  }

  /** `waitMs`: what the next one would wait, by estimate. */
  exceededBy(waitMs: number): boolean {
    if (waitMs <= this.#maxMs * lastingShare) return false;
    const now = this.#clock.monotonic();
    if (waitMs <= this.#maxMs && !this.#lasts(now)) return false;
    if (now - this.#refusedAt > lastsAfterMs) this.#refusedSince = now;
    this.#refusedAt = now;
    return true;
  }

  #lasts(now: number): boolean {
    return now - this.#refusedAt <= lastsAfterMs && now - this.#refusedSince > lastsAfterMs;
  }
}
