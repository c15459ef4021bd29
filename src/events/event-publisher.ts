import type { PredictionRecord } from './prediction-event.js';

/** offered = delivered + journaled + dropped + inMemory holds at all times. */
export interface EventAccounts {
  readonly offered: number;
  /** Taken by the sink; without one, in the event file. */
  readonly delivered: number;
  /** On disk, not yet delivered. Without a sink none. */
  readonly journaled: number;
  readonly dropped: number;
  readonly inMemory: number;
}

/**
 * Takes the record of each prediction and sees that it reaches the sink, or the event file. Implementations:
 * `QueuedEventPublisher`, `FileEventPublisher`; both pass `event-publisher.contract.ts`.
 *
 * `record` never throws and never rejects. With `durability: journal` the promise settles when the event is written (one write
 * for all events of a callback), and the reply waits for it; where it returns nothing, there is nothing to wait for.
 */
export interface EventPublisher {
  record(record: PredictionRecord): Promise<void> | void;
  accounts(): EventAccounts;
  health(): 'healthy' | 'degraded' | 'unhealthy';
  /** Delivers, journals or writes all that waits, within `timeoutMs`, then closes the sink or the file. */
  close(timeoutMs: number): Promise<void>;
}
