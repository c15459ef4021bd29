/** Outcomes of the last `windowMs`, in buckets of time that fall out whole: an idle hour forgets everything. */
export class FailureWindow {
  readonly #bucketMs: number;
  readonly #successes: number[];
  readonly #failures: number[];
  /** Number of the bucket that time is in, counted from the clock's origin. */
  #current: number | undefined;

  constructor(windowMs: number, buckets: number) {
    this.#bucketMs = windowMs / buckets;
    this.#successes = new Array<number>(buckets).fill(0);
    this.#failures = new Array<number>(buckets).fill(0);
  }

  add(failed: boolean, nowMs: number): void {
    this.#rotate(nowMs);
    const counts = failed ? this.#failures : this.#successes;
    const slot = this.#slot();
    counts[slot] = (counts[slot] ?? 0) + 1;
  }

  /** Calls and failures in the window. */
  totals(nowMs: number): { readonly calls: number; readonly failures: number } {
    this.#rotate(nowMs);
    const failures = sum(this.#failures);
    return { calls: failures + sum(this.#successes), failures };
  }

  #rotate(nowMs: number): void {
    const bucket = Math.floor(nowMs / this.#bucketMs);
    const passed = this.#current === undefined ? this.#failures.length : bucket - this.#current;
    for (let i = 0; i < Math.min(passed, this.#failures.length); i++) {
      const slot = (bucket - i) % this.#failures.length;
      this.#successes[slot] = 0;
      this.#failures[slot] = 0;
    }
    if (passed > 0) this.#current = bucket;
  }

  #slot(): number {
    return (this.#current ?? 0) % this.#failures.length;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
