/** An event in wire form: UTF-8 JSON of a CloudEvents 1.0 event (structured mode) and the facts that a sink needs beside it. */
export interface WireEvent {
  /** ce_id: unique; consumers drop repeats by it. */
  readonly id: string;
  /** Partition key: the entity, else the request id. */
  readonly key: string;
  readonly json: Buffer;
}

/**
 * Where events end. Implementations: `sinks/kafka`. It passes `event-sink.contract.ts`.
 *
 * `deliver` resolves when every event of the batch is as safe as the sink can make it, and rejects when any may not be: the
 * publisher then sends the same batch again (at least once). One call at a time. Order is kept. It settles within a time limit
 * of the sink's own: nothing else is sent meanwhile. After `close` it rejects.
 */
export interface EventSink {
  deliver(batch: readonly WireEvent[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * What `deliver` rejects with when the sink will never take some of the events, however often they are sent (one is larger than
 * a message may be). They are dropped and counted; the others of the batch are sent again.
 */
export class EventsRefusedError extends Error {
  override readonly name = 'EventsRefusedError';
  readonly ids: ReadonlySet<string>;

  constructor(ids: Iterable<string>, reason: string) {
    super(reason);
    this.ids = new Set(ids);
  }
}
