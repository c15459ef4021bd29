import { timeoutError } from '../shared/deadline.js';

/** Too many reads were waiting for a slot already. */
export class SlotsExhaustedError extends Error {
  override readonly name = 'SlotsExhaustedError';
}

/**
 * How many reads of the store may run at once. More wait in the order of arrival, until their signal aborts; beyond `maxWaiting`
 * a newcomer is refused.
 */
export class ReadSlots {
  #free: number;
  readonly #maxWaiting: number;
  readonly #waiting = new Set<() => void>();

  constructor(slots: number, maxWaiting: number) {
    this.#free = slots;
    this.#maxWaiting = maxWaiting;
  }

  /** @throws SlotsExhaustedError; ServiceError INFERENCE_TIMEOUT when the signal aborts before there is a slot. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#maxWaiting) {
      return Promise.reject(new SlotsExhaustedError(`${this.#maxWaiting} reads of the feature store are waiting`));
    }
    return new Promise((resolve, reject) => {
      const proceed = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.delete(proceed);
        reject(timeoutError('features'));
      };
      this.#waiting.add(proceed);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
    });
  }

  /** The slot passes straight to the one that has waited longest. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
