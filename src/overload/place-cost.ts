import type { Clock } from '../shared/clock.js';

const historyLength = 4096;
/** Share of the past that each report keeps. */
const memory = 0.95;
/** Without a report for this long nothing is known: nobody is waiting for a model's turn. */
const validMs = 1000;

/**
 * What one place in the queues behind the event loop (worker threads, batches, remote models) costs: waits that were really measured,
 * over how many requests were in flight when those who waited came in. Latency would not do: a remote model that takes 80 ms without
 * any queue costs nothing here, and 500 such calls in flight are not overload.
 */
export class PlaceCost {
  readonly #clock: Clock;
  readonly #times = new Float64Array(historyLength);
  readonly #inFlight = new Float64Array(historyLength);
  #written = 0;
  #waits = 0;
  #places = 0;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A request was admitted as the `inFlight`th. */
  admitted(inFlight: number): void {
    const slot = this.#written++ % historyLength;
    this.#times[slot] = this.#clock.monotonic();
    this.#inFlight[slot] = inFlight;
  }

  /** Something that had been admitted waited `milliseconds` until its model's turn came, which is now. */
  waited(milliseconds: number): void {
    const now = this.#clock.monotonic();
    if (now - this.#reportedAt > validMs) this.#waits = this.#places = 0;
    this.#reportedAt = now;
    this.#waits = this.#waits * memory + milliseconds;
    this.#places = this.#places * memory + this.#inFlightAt(now - milliseconds);
  }

  /** Mean milliseconds that each request in flight adds to the wait of the next; 0 when nothing is known. */
  get milliseconds(): number {
    if (this.#places === 0 || this.#clock.monotonic() - this.#reportedAt > validMs) return 0;
    return this.#waits / this.#places;
  }

  /** By halving: the history is in order of time. What is older than it counts as its oldest entry. */
  #inFlightAt(time: number): number {
    let low = Math.max(0, this.#written - historyLength);
    let high = this.#written - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#times[middle % historyLength] ?? 0) <= time) low = middle;
      else high = middle - 1;
    }
    return Math.max(1, this.#inFlight[low % historyLength] ?? 1);
  }
}
