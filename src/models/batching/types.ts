import type { Awaitable } from '../../shared/awaitable.js';
import type { Deadline } from '../../shared/deadline.js';
import type { ServiceError } from '../../shared/errors.js';
import type { Clock } from '../../shared/clock.js';
import type { BatchObserver, VersionName } from '../runtime-observer.js';

/** What a run costs, in microseconds: perRunUs + rows × perRowUs. */
export interface RunCost {
  readonly perRunUs: number;
  readonly perRowUs: number;
}

export interface BatcherOptions<Row, Outputs> {
  readonly name: VersionName;
  /**
   * Answers rows in order, one result a row; rejects when the whole run failed. A result that is an Error fails its row alone.
   * `deadline` is the latest of the rows' deadlines.
   */
  readonly run: (rows: readonly Row[], deadline: Deadline) => Promise<readonly (Outputs | ServiceError)[]>;
  /**
   * Largest time of one run on the event loop in microseconds (models.batch_time_us): caps the rows of a run by what they
   * cost. Off the loop a run may take ten times as long, or half as long as its first call has waited.
   */
  readonly batchTimeUs: number;
  /** The cost measured at load; absent: learned from the runs themselves. */
  readonly cost?: RunCost;
  /**
   * What the last run cost in microseconds, without what else the event loop did meanwhile. Without it the cost measured at
   * load stands, as the time on the wall would count the requests that arrived between.
   */
  readonly lastRunUs?: () => number | undefined;
  /** Rows that a run may hold at most: 1 where the graph's batch dimension is fixed at 1. */
  readonly maxRows?: number;
  /** Rows that may wait; further ones are refused with SERVICE_UNAVAILABLE. */
  readonly queueRows: number;
  /** The run leaves the event loop (worker, remote): callers are let go at their own deadline while it goes on. */
  readonly offLoop: boolean;
  readonly clock: Clock;
  readonly observer: BatchObserver;
  /** Calls `flush` once, later in this turn of the event loop. Tests pass their own. */
  readonly schedule?: (flush: () => void) => void;
}

/** Joins the rows that are queued in one turn of the event loop into one run. */
export interface RowBatcher<Row, Outputs> {
  /**
   * Answers the rows in order: outputs, or the error of that row alone. `rows` is read until the promise settles.
   * @throws ServiceError SERVICE_UNAVAILABLE (queue full, closed), INFERENCE_TIMEOUT (expired or cancelled before the run), or
   * what the run threw, when no row was answered: always as a promise that rejects.
   */
  submit(rows: readonly Row[], deadline: Deadline): Awaitable<readonly (Outputs | ServiceError)[]>;
  /** Rows waiting and in flight. */
  readonly pendingRows: number;
  /** What a run costs now, refitted from the runs seen; undefined before the first. */
  readonly cost: RunCost | undefined;
  /** Refuses further rows; resolves when those waiting have been answered. */
  close(): Promise<void>;
}
