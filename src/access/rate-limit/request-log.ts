import { windowMs, type Room, type SlidingWindow } from './sliding-window.js';

/**
 * The time of each admission, in a ring that grows as needed. Exact: nothing is refused that the limit allows, and nothing passes
 * that it forbids. For limits of at most 1,000 a window: it holds eight bytes an admission.
 */
export class RequestLog implements SlidingWindow {
  #times = new Float64Array(8);
  #first = 0;
  #count = 0;

  room(now: number, limit: number, weight: number): Room {
    this.#forget(now);
    const excess = this.#count + weight - limit;
    const remaining = Math.max(0, limit - this.#count);
    if (excess <= 0) return { fits: true, remaining, waitMs: 0 };
    // The admissions that must leave the window first; a weight beyond the limit never fits.
    const last = this.#at(Math.min(excess, this.#count) - 1);
    return { fits: false, remaining, waitMs: weight > limit ? windowMs : last + windowMs - now };
  }

  record(now: number, weight: number): void {
    this.#forget(now);
    if (this.#count + weight > this.#times.length) this.#grow(this.#count + weight);
    for (let added = 0; added < weight; added++) {
      this.#times[(this.#first + this.#count) % this.#times.length] = now;
      this.#count++;
    }
  }

  isEmptyAt(now: number): boolean {
    this.#forget(now);
    return this.#count === 0;
  }

  copy(): RequestLog {
    const copy = new RequestLog();
    for (const time of this.times()) copy.record(time, 1);
    return copy;
  }

  /** Times of the admissions that are held, oldest first. */
  *times(): Generator<number> {
    for (let index = 0; index < this.#count; index++) yield this.#at(index);
  }

  /** An admission counts until it is older than the window: at exactly its length it still does. */
  #forget(now: number): void {
    while (this.#count > 0 && this.#at(0) < now - windowMs) {
      this.#first = (this.#first + 1) % this.#times.length;
      this.#count--;
    }
  }

  #at(index: number): number {
    return this.#times[(this.#first + index) % this.#times.length] ?? Number.NEGATIVE_INFINITY;
  }

  #grow(needed: number): void {
    const times = [...this.times()];
    this.#times = new Float64Array(Math.max(needed, this.#times.length * 2));
    this.#times.set(times);
    this.#first = 0;
  }
}
