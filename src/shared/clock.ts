/** Where time comes from. Tests inject a clock that they move by hand. */
export interface Clock {
  /** Milliseconds since the epoch. May step when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never steps back. Durations and deadlines use this. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** A clock for tests: stands still until `advance` is called. */
export class ManualClock implements Clock {
  #elapsed = 0;
  readonly #origin: number;

  constructor(origin = Date.parse('2026-01-01T00:00:00Z')) {
    this.#origin = origin;
  }

  now(): number {
    return this.#origin + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  advance(milliseconds: number): void {
    this.#elapsed += milliseconds;
  }
}
