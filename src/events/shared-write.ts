import type { Timers } from '../shared/timers.js';

/** One write and one promise for all events of a callback of the event loop, which answers all requests of a turn. */
export class SharedWrite {
  readonly #timers: Pick<Timers, 'endOfCallback'>;
  readonly #write: () => Promise<void> | undefined;
  #pending: { readonly done: Promise<void>; readonly settle: () => void } | undefined;

  /** `write` writes all that was recorded since it was last called, and answers what else must be waited for. It never rejects. */
  constructor(timers: Pick<Timers, 'endOfCallback'>, write: () => Promise<void> | undefined) {
    this.#timers = timers;
    this.#write = write;
  }

  /** Settles when what this callback records is written. */
  done(): Promise<void> {
    if (this.#pending === undefined) {
      let settle = () => {};
      const done = new Promise<void>((resolve) => (settle = resolve));
      this.#pending = { done, settle };
      this.#timers.endOfCallback(() => this.now());
    }
    return this.#pending.done;
  }

  /** Writes at once, where something waits for it. */
  now(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    const onDisk = this.#write();
    if (onDisk === undefined) pending.settle();
    else void onDisk.then(pending.settle);
  }
}
