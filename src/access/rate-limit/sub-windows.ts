import { windowMs, type Room, type SlidingWindow } from './sliding-window.js';

const parts = 60;
const partMs = windowMs / parts;
/** The running part, and sixty whole ones: no window of 60 s reaches further back. */
const kept = parts + 1;

/**
 * Admissions counted by second, for limits above 1,000. A second counts until all of it is older than the window, so that never more
 * than the limit passes; what came early in it may be held against the caller for up to a second (1/60 of the window) too long.
 */
export class SubWindows implements SlidingWindow {
  readonly #counts = new Float64Array(kept);
  #current = Number.NEGATIVE_INFINITY;
  #sum = 0;

  room(now: number, limit: number, weight: number): Room {
    this.#forget(now);
    const excess = this.#sum + weight - limit;
    const remaining = Math.max(0, limit - this.#sum);
    if (excess <= 0) return { fits: true, remaining, waitMs: 0 };
    return { fits: false, remaining, waitMs: weight > limit ? windowMs : this.#waitFor(excess, now) };
  }

  record(now: number, weight: number): void {
    this.#forget(now);
    const slot = this.#current % kept;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + weight;
    this.#sum += weight;
  }

  isEmptyAt(now: number): boolean {
    this.#forget(now);
    return this.#sum === 0;
  }

  copy(): SubWindows {
    const copy = new SubWindows();
    copy.#counts.set(this.#counts);
    copy.#current = this.#current;
    copy.#sum = this.#sum;
    return copy;
  }

  #forget(now: number): void {
    const part = Math.floor(now / partMs);
    if (part <= this.#current) return;
    const passed = Math.min(part - this.#current, kept);
    for (let step = 0; step < passed; step++) {
      const slot = (part - step) % kept;
      this.#sum -= this.#counts[slot] ?? 0;
      this.#counts[slot] = 0;
    }
    this.#current = part;
  }

  /** Until the oldest parts that hold `excess` admissions together have left. */
  #waitFor(excess: number, now: number): number {
    let freed = 0;
    for (let part = this.#current - parts; part <= this.#current; part++) {
      freed += this.#counts[((part % kept) + kept) % kept] ?? 0;
      if (freed >= excess) return (part + kept) * partMs - now;
    }
    return windowMs;
  }
}
