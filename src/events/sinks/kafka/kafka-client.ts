import type { WireEvent } from '../../event-sink.js';

/**
 * Why a send failed.
 * `too_large`: the broker takes no message, or no batch of messages, of this size: nothing of it may have been written.
 * `failed`: anything that may pass: no broker, no such topic, not authorised. `broken`: this client is of no further use.
 */
export type KafkaSendProblem = 'too_large' | 'failed' | 'broken';

export class KafkaSendError extends Error {
  override readonly name = 'KafkaSendError';
  readonly problem: KafkaSendProblem;

  constructor(problem: KafkaSendProblem, reason: string) {
    super(reason);
    this.problem = problem;
  }
}

/** A connection to the brokers that sends one batch at a time. */
export interface KafkaClient {
  /**
   * Resolves when every event of the batch is acknowledged by all replicas in sync.
   * @throws KafkaSendError; any of the events may have been written nevertheless.
   */
  send(events: readonly WireEvent[]): Promise<void>;
  /** Ends it at once, whatever it does; a send that runs rejects. */
  close(): Promise<void>;
}
