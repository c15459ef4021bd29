import { timeoutError, type Deadline } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';

type Result<Outputs> = Outputs | ServiceError;

/** The rows of one call: some wait, some are in a run, some are answered. Settles its promise exactly once. */
export class QueuedRows<Row, Outputs> {
  readonly rows: readonly Row[];
  readonly deadline: Deadline;
  readonly since: number;
  readonly promise: Promise<readonly Result<Outputs>[]>;
  readonly #results: (Result<Outputs> | undefined)[];
  #resolve!: (results: readonly Result<Outputs>[]) => void;
  #reject!: (error: ServiceError) => void;
  /** The first row that no run has taken yet. */
  #next = 0;
  #open: number;
  #answered = 0;
  #settled = false;
  #stopWaiting: (() => void) | undefined;

  constructor(rows: readonly Row[], deadline: Deadline, since: number) {
    this.rows = rows;
    this.deadline = deadline;
    this.since = since;
    this.#open = rows.length;
    this.#results = new Array<Result<Outputs> | undefined>(rows.length).fill(undefined);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get waiting(): number {
    return this.#settled ? 0 : this.rows.length - this.#next;
  }

  /** Some of its rows have had their turn. */
  get begun(): boolean {
    return this.#next > 0;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Hands out up to `count` of the waiting rows: the positions of the first and of the one after the last. */
  take(count: number): { readonly from: number; readonly to: number } {
    const from = this.#next;
    this.#next = Math.min(this.rows.length, from + count);
    return { from, to: this.#next };
  }

  /** The result of one row, its own error included. */
  answer(index: number, result: Result<Outputs>): void {
    this.#answered++;
    this.#close(index, result);
  }

  /** The rows [from, to) got no answer of their own: their run failed as a whole. */
  fail(from: number, to: number, error: ServiceError): void {
    for (let index = from; index < to; index++) this.#close(index, error);
  }

  /** Ends everything that is not answered yet. */
  giveUp(error: ServiceError): void {
    for (let index = 0; index < this.rows.length; index++) this.#close(index, error);
  }

  /** Lets the caller go at its deadline, or when it goes away, though a run may still hold its rows. */
  endAtDeadline(onEnd: () => void): void {
    this.#stopWaiting = this.deadline.onEnd(onEnd);
  }

  #close(index: number, result: Result<Outputs>): void {
    if (this.#settled || this.#results[index] !== undefined) return;
    this.#results[index] = result;
    if (--this.#open > 0) return;
    this.#settled = true;
    this.#stopWaiting?.();
    if (this.#answered === 0 && result instanceof ServiceError) this.#reject(result);
    else this.#resolve(this.#results as Result<Outputs>[]);
  }
}

/** The error of rows whose time ended before they were run. */
export function expiredError(): ServiceError {
  return timeoutError('waiting for the model');
}
