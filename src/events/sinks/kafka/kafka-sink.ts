import { messageOf } from '../../../shared/errors.js';
import { EventsRefusedError, type EventSink, type WireEvent } from '../../event-sink.js';
import type { EventsObserver } from '../../observer.js';
import { KafkaSendError, type KafkaClient } from './kafka-client.js';
import type { Timers } from '../../../shared/timers.js';

export interface KafkaSinkOptions {
  /** Makes a client; called again whenever the one before it is broken. */
  readonly connect: () => KafkaClient;
  readonly timers: Timers;
  readonly observer: Pick<EventsObserver, 'sinkClientRenewed'>;
}

/** Under the broker's default of 1 MiB a batch, whatever the overhead of keys and headers is. */
const largestBatch = { events: 500, bytes: 512 * 1024 };
const sendMs = 10_000;

/**
 * To a Kafka topic, at least once: one send in flight, acknowledged by all replicas in sync. A send that is not settled after 10 s
 * is given up, and its client with it: the next send makes a new one. An event larger than the topic takes is refused alone.
 */
export class KafkaSink implements EventSink {
  readonly #options: KafkaSinkOptions;
  #client: KafkaClient | undefined;
  #closed = false;
  /** Of the batch that is being sent, over all its attempts: what the broker has is not sent again. */
  readonly #acknowledged = new Set<string>();

  constructor(options: KafkaSinkOptions) {
    this.#options = options;
  }

  async deliver(batch: readonly WireEvent[]): Promise<void> {
    const refused: string[] = [];
    for (const part of parts(batch.filter(({ id }) => !this.#acknowledged.has(id)))) {
      refused.push(...(await this.#deliverPart(part)));
    }
    if (refused.length > 0) throw new EventsRefusedError(refused, 'larger than the topic takes');
    this.#acknowledged.clear();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.close();
    this.#client = undefined;
  }

  /** Answers the ids of the events that are too large; finds them by halving. */
  async #deliverPart(events: readonly WireEvent[]): Promise<string[]> {
    try {
      await this.#send(events);
    } catch (thrown) {
      if (!(thrown instanceof KafkaSendError) || thrown.problem !== 'too_large') throw thrown;
      if (events.length === 1) return events.map(({ id }) => id);
      const middle = Math.ceil(events.length / 2);
      const first = await this.#deliverPart(events.slice(0, middle));
      return [...first, ...(await this.#deliverPart(events.slice(middle)))];
    }
    for (const { id } of events) this.#acknowledged.add(id);
    return [];
  }

  async #send(events: readonly WireEvent[]): Promise<void> {
    if (this.#closed) throw new Error('The Kafka client is closed');
    const client = (this.#client ??= this.#options.connect());
    try {
      await this.#withinTime(client.send(events));
    } catch (thrown) {
      if (thrown instanceof KafkaSendError && thrown.problem === 'broken') await this.#discard(client, thrown);
      throw thrown;
    }
  }

  async #discard(client: KafkaClient, why: KafkaSendError): Promise<void> {
    if (this.#closed) return;
    this.#client = undefined;
    this.#options.observer.sinkClientRenewed(messageOf(why));
    await client.close();
  }

  async #withinTime(sent: Promise<void>): Promise<void> {
    let cancel = () => {};
    const timeUp = new Promise<never>((_, reject) => {
      cancel = this.#options.timers.after(sendMs, () =>
        reject(new KafkaSendError('broken', `no broker has acknowledged the events within ${sendMs} ms`)),
      );
    });
    try {
      await Promise.race([sent, timeUp]);
    } finally {
      cancel();
    }
  }
}

/** `events` in order, cut so that each part is within the caps; an event beyond them is a part of its own. */
function* parts(events: readonly WireEvent[]): Generator<readonly WireEvent[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, { json }] of events.entries()) {
    const isFull = index - start >= largestBatch.events || bytes + json.length > largestBatch.bytes;
    if (isFull && index > start) {
      yield events.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += json.length;
  }
  if (start < events.length) yield events.slice(start);
}
