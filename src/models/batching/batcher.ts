import { Deadline } from '../../shared/deadline.js';
import { ServiceError, toServiceError } from '../../shared/errors.js';
import type { BatchDrop } from '../runtime-observer.js';
import { expiredError, QueuedRows } from './queued-rows.js';
import { RunCostFit } from './run-cost.js';
import type { BatcherOptions, RowBatcher, RunCost } from './types.js';

/** Rows of one run at most, whatever they cost: bounds its tensors. */
const maxRowsOfRun = 4096;
/** A run that blocks only its own thread may take so many times longer. */
const offLoopFactor = 10;

/** The rows of one call that are in a run together: [from, to). */
interface Part<Row, Outputs> {
  readonly entry: QueuedRows<Row, Outputs>;
  readonly from: number;
  readonly to: number;
}

/**
 * Natural batching: what is queued in one turn of the event loop runs together; while a run is in flight, rows gather for the next.
 * No row waits for others to come. A call of more rows than a run may hold is split, and takes turns with the calls behind it.
 */
export class Batcher<Row, Outputs> implements RowBatcher<Row, Outputs> {
  readonly #options: BatcherOptions<Row, Outputs>;
  readonly #schedule: (flush: () => void) => void;
  readonly #fit: RunCostFit;
  readonly #queue: QueuedRows<Row, Outputs>[] = [];
  #waiting = 0;
  #inFlight = 0;
  #scheduled = false;
  #closed = false;
  readonly #idle: (() => void)[] = [];

  constructor(options: BatcherOptions<Row, Outputs>) {
    this.#options = options;
    this.#schedule = options.schedule ?? setImmediate;
    this.#fit = new RunCostFit(options.cost);
  }

  get pendingRows(): number {
    return this.#waiting + this.#inFlight;
  }

  get cost(): RunCost | undefined {
    return this.#fit.cost;
  }

  submit(rows: readonly Row[], deadline: Deadline): Promise<readonly (Outputs | ServiceError)[]> {
    if (rows.length === 0) return Promise.resolve([]);
    if (this.#closed) return this.#refuse(rows.length, 'closed');
    if (this.#waiting + rows.length > this.#options.queueRows) return this.#refuse(rows.length, 'queue_full');
    const entry = new QueuedRows<Row, Outputs>(rows, deadline, this.#options.clock.monotonic());
    if (this.#options.offLoop) entry.endAtDeadline(() => this.#drop(entry));
    this.#queue.push(entry);
    this.#waiting += rows.length;
    this.#wake();
    return entry.promise;
  }

  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#settleIdle();
    });
  }

  #refuse(rows: number, reason: BatchDrop): Promise<never> {
    const { name, observer } = this.#options;
    observer.rowsDropped({ ...name, rows, reason });
    const message =
      reason === 'closed' ? 'This model version is being replaced' : 'Too many predictions are waiting for this model';
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#fit.estimate(this.#waiting) / 1e6));
    return Promise.reject(new ServiceError('SERVICE_UNAVAILABLE', message, { retryAfterSeconds }));
  }

  /** Ends what of a call is still open: its time is up, or its caller has gone. */
  #drop(entry: QueuedRows<Row, Outputs>): void {
    const rows = entry.waiting;
    if (rows > 0) {
      this.#waiting -= rows;
      const reason = entry.deadline.cancelled ? 'cancelled' : 'deadline';
      this.#options.observer.rowsDropped({ ...this.#options.name, rows, reason });
    }
    entry.giveUp(expiredError());
  }

  #wake(): void {
    if (this.#scheduled || this.#inFlight > 0) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    for (let parts = this.#takeParts(); parts.length > 0; parts = this.#takeParts()) {
      this.#inFlight = parts.reduce((sum, part) => sum + part.to - part.from, 0);
      await this.#runParts(parts);
      this.#inFlight = 0;
    }
    this.#settleIdle();
  }

  #takeParts(): Part<Row, Outputs>[] {
    const parts: Part<Row, Outputs>[] = [];
    let room = this.#rowsOfNextRun();
    while (room > 0) {
      const entry = this.#queue.shift();
      if (entry === undefined) break;
      if (entry.settled) continue;
      if (entry.deadline.isOver()) {
        this.#drop(entry);
        continue;
      }
      const part = { entry, ...entry.take(room) };
      parts.push(part);
      room -= part.to - part.from;
      this.#waiting -= part.to - part.from;
      if (entry.waiting > 0) this.#queue.push(entry);
    }
    return parts;
  }

  #rowsOfNextRun(): number {
    const { maxRows = maxRowsOfRun } = this.#options;
    return this.#fit.rowsWithin(this.#timeOfNextRunUs(), Math.min(maxRows, maxRowsOfRun));
  }

  /**
   * Off the loop a run may take half as long as the first call has waited for its turn: a queue that has grown long gets larger runs, which
   * cost less a row. Not so for the rest of a large call: it would make those behind it wait ever longer.
   */
  #timeOfNextRunUs(): number {
    const { batchTimeUs, offLoop, clock } = this.#options;
    if (!offLoop) return batchTimeUs;
    const usualUs = batchTimeUs * offLoopFactor;
    const [first] = this.#queue;
    if (first === undefined || first.begun) return usualUs;
    return Math.max(usualUs, ((clock.monotonic() - first.since) * 1000) / 2);
  }

  async #runParts(parts: readonly Part<Row, Outputs>[]): Promise<void> {
    const rows = parts.flatMap(({ entry, from, to }) => entry.rows.slice(from, to));
    const started = this.#options.clock.monotonic();
    try {
      const results = await this.#options.run(rows, this.#latestDeadline(parts));
      if (results.length !== rows.length)
        throw new Error(`A run over ${rows.length} rows gave ${results.length} results`);
      this.#observe(parts, rows.length, started);
      let at = 0;
      for (const { entry, from, to } of parts) {
        for (let index = from; index < to; index++) entry.answer(index, results[at++] as Outputs | ServiceError);
      }
    } catch (error) {
      await this.#runFailed(parts, rows.length, error);
    }
  }

  /** Nobody's time ends with a neighbour's, and nobody's going away stops a neighbour's run. It belongs to the trace of the first. */
  #latestDeadline(parts: readonly Part<Row, Outputs>[]): Deadline {
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return first.entry.deadline;
    const remaining = parts.reduce((most, { entry }) => Math.max(most, entry.deadline.remainingMs()), 0);
    return new Deadline(this.#options.clock, remaining, undefined, { traced: first?.entry.deadline });
  }

  #observe(parts: readonly Part<Row, Outputs>[], rows: number, started: number): void {
    const { clock, name, observer, lastRunUs, offLoop, cost } = this.#options;
    const computed = lastRunUs?.();
    const microseconds = computed ?? (clock.monotonic() - started) * 1000;
    if (computed !== undefined || offLoop || cost === undefined) this.#fit.observe(rows, microseconds);
    const oldest = parts.reduce((least, { entry }) => Math.min(least, entry.since), started);
    observer.batchRun({ ...name, rows, microseconds, waitedUs: (started - oldest) * 1000, offLoop });
  }

  /** One row may have failed its neighbours: each is tried alone, unless time or the runtime itself was the cause. */
  async #runFailed(parts: readonly Part<Row, Outputs>[], rows: number, thrown: unknown): Promise<void> {
    const error = toServiceError(thrown);
    if (error.code === 'INFERENCE_TIMEOUT' || error.code === 'SERVICE_UNAVAILABLE') {
      for (const { entry, from, to } of parts) entry.fail(from, to, error);
      return;
    }
    if (rows > 1) this.#options.observer.batchSplit({ ...this.#options.name, rows, error: thrown });
    for (const { entry, from, to } of parts) {
      for (let index = from; index < to; index++) {
        entry.answer(index, rows > 1 ? await this.#runAlone(entry, index) : error);
      }
    }
  }

  async #runAlone(entry: QueuedRows<Row, Outputs>, index: number): Promise<Outputs | ServiceError> {
    try {
      entry.deadline.check('waiting for the model');
      const [result] = await this.#options.run([entry.rows[index] as Row], entry.deadline);
      return result ?? new ServiceError('INTERNAL_ERROR', 'The model gave no result');
    } catch (error) {
      return toServiceError(error);
    }
  }

  #settleIdle(): void {
    if (!this.#closed || this.pendingRows > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
