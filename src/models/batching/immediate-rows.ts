import type { Awaitable } from '../../shared/awaitable.js';
import type { Clock } from '../../shared/clock.js';
import type { Deadline } from '../../shared/deadline.js';
import { toServiceError, type ServiceError } from '../../shared/errors.js';
import type { BatchObserver, VersionName } from '../runtime-observer.js';
import { expiredError } from './queued-rows.js';
import type { RowBatcher, RunCost } from './types.js';

export interface ImmediateRowsOptions<Row, Outputs> {
  readonly name: VersionName;
  /** Computes in the call; undefined: not now, the rows go to the queue. */
  readonly runNow: (rows: readonly Row[]) => readonly (Outputs | ServiceError)[] | undefined;
  /** What a run costs at present. */
  readonly cost: () => RunCost | undefined;
  /** Largest time of one run on the event loop in microseconds: larger calls go to the queue, which takes turns. */
  readonly batchTimeUs: number;
  readonly queue: RowBatcher<Row, Outputs>;
  readonly clock: Clock;
  readonly observer: BatchObserver;
}

/**
 * Runs rows in the call that brings them, where a run costs less than queueing it. What is too much for one turn of the event loop goes to
 * the queue, which yields between its runs.
 */
export class ImmediateRows<Row, Outputs> implements RowBatcher<Row, Outputs> {
  readonly #options: ImmediateRowsOptions<Row, Outputs>;
  #closed = false;

  constructor(options: ImmediateRowsOptions<Row, Outputs>) {
    this.#options = options;
  }

  get pendingRows(): number {
    return this.#options.queue.pendingRows;
  }

  get cost(): RunCost | undefined {
    return this.#options.cost();
  }

  submit(rows: readonly Row[], deadline: Deadline): Awaitable<readonly (Outputs | ServiceError)[]> {
    const { queue, clock } = this.#options;
    if (this.#closed || rows.length === 0 || !this.#fitsNow(rows.length)) return queue.submit(rows, deadline);
    const now = clock.monotonic();
    if (deadline.isOver(now)) return Promise.reject(this.#expired(rows.length, deadline));
    return this.#run(rows, now) ?? queue.submit(rows, deadline);
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#options.queue.close();
  }

  #fitsNow(rows: number): boolean {
    const { batchTimeUs, cost } = this.#options;
    const { perRunUs = Infinity, perRowUs = 0 } = cost() ?? {};
    return perRunUs + rows * perRowUs <= batchTimeUs;
  }

  #expired(rows: number, deadline: Deadline): ServiceError {
    const { name, observer } = this.#options;
    observer.rowsDropped({ ...name, rows, reason: deadline.cancelled ? 'cancelled' : 'deadline' });
    return expiredError();
  }

  #run(rows: readonly Row[], started: number): Awaitable<readonly (Outputs | ServiceError)[]> | undefined {
    const { clock, runNow } = this.#options;
    try {
      const results = runNow(rows);
      if (results === undefined) return undefined;
      this.#tell(rows.length, (clock.monotonic() - started) * 1000);
      return results;
    } catch (error) {
      // One row that the model refuses must not fail its neighbours: the queue tries each alone.
      return rows.length > 1 ? undefined : Promise.reject(toServiceError(error));
    }
  }

  #tell(rows: number, microseconds: number): void {
    const { name, observer } = this.#options;
    // Written out: a spread costs more than a small model's run.
    observer.batchRun({
      modelId: name.modelId,
      version: name.version,
      rows,
      microseconds,
      waitedUs: 0,
      offLoop: false,
    });
  }
}
