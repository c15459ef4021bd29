const periodMs = 10_000;

/**
 * Tells of facts that may come thousands of times a second: the first of each key at once, those after it together, once in
 * 10 s. What is told adds up to what was counted.
 */
export class ThinnedCounts<K> {
  readonly #tell: (key: K, count: number) => void;
  readonly #after: (milliseconds: number, action: () => void) => void;
  /** Counted and not told yet, by key; a key is here for as long as its period runs. */
  readonly #untold = new Map<K, number>();

  constructor(tell: (key: K, count: number) => void, after = afterUnreferenced) {
    this.#tell = tell;
    this.#after = after;
  }

  add(key: K, count: number): void {
    const untold = this.#untold.get(key);
    if (untold === undefined) this.#tellNow(key, count);
    else this.#untold.set(key, untold + count);
  }

  #tellNow(key: K, count: number): void {
    this.#tell(key, count);
    this.#untold.set(key, 0);
    this.#after(periodMs, () => this.#endPeriod(key));
  }

  #endPeriod(key: K): void {
    const count = this.#untold.get(key) ?? 0;
    this.#untold.delete(key);
    if (count > 0) this.#tellNow(key, count);
  }
}

function afterUnreferenced(milliseconds: number, action: () => void): void {
  setTimeout(action, milliseconds).unref();
}
