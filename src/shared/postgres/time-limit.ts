/** Ends work after a time, or when a signal aborts, whichever is first. To be released when the work is over. */
export class TimeLimit {
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  #reject: ((reason: Error) => void) | undefined;
  /** Why the work was ended; undefined while it may go on. */
  reason: Error | undefined;

  constructor(milliseconds: number, signal: AbortSignal | undefined, describe: () => Error) {
    this.#timer = setTimeout(() => this.#end(describe()), milliseconds);
    this.#signal = signal;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Settles as `work` does, or rejects with the reason. One at a time. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      work.then(resolve, reject);
      if (this.reason !== undefined) reject(this.reason);
    });
  }

  release(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = () => this.#end(new Error('The caller has gone or its time is up'));

  #end(reason: Error): void {
    this.reason ??= reason;
    this.#reject?.(this.reason);
  }
}
