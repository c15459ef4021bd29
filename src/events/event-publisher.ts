import type { PredictionRecord } from './prediction-event.js';

/** offered = delivered + journaled + dropped + inMemory holds at all times. */
export interface EventAccounts {
  readonly offered: number;
  readonly delivered: number;
  /** On disk, not yet delivered. */
  readonly journaled: number;
  readonly dropped: number;
  readonly inMemory: number;
}

/**
 * Takes the record of each prediction and sees that it reaches the sink.
 *
 * `record` never throws and never rejects. With `durability: journal` the promise settles when the event is written (one write
 * for all events of a turn of the loop), and the reply waits for it; where it returns nothing, there is nothing to wait for.
 */
export interface EventPublisher {
  record(record: PredictionRecord): Promise<void> | void;
  accounts(): EventAccounts;
  health(): 'healthy' | 'degraded' | 'unhealthy';
  /** Delivers or journals all that waits, within `timeoutMs`, then closes the sink. */
  close(timeoutMs: number): Promise<void>;
}
