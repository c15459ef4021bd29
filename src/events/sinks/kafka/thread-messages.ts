import type { WireEvent } from '../../event-sink.js';
import type { KafkaOptions } from '../../options.js';
import type { KafkaSendProblem } from './kafka-client.js';

/** What the thread is started with. */
export type KafkaThreadData = KafkaOptions;

/** One batch: event i has keys[i] and the bytes from ends[i - 1] to ends[i]. */
export interface KafkaThreadRequest {
  readonly keys: readonly string[];
  readonly ends: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type KafkaThreadReply =
  { readonly kind: 'sent' } | { readonly kind: 'failed'; readonly problem: KafkaSendProblem; readonly reason: string };

export interface KeyedEvent {
  readonly key: string;
  readonly json: Buffer;
}

/** Copies the events into one buffer, which can be handed over to the thread. */
export function pack(events: readonly WireEvent[]): KafkaThreadRequest {
  const pieces = events.map(({ json }) => json);
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  const ends: number[] = [];
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    ends.push((end += piece.length));
  }
  return { keys: events.map(({ key }) => key), ends, bytes };
}

export function unpack({ keys, ends, bytes }: KafkaThreadRequest): KeyedEvent[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return keys.map((key, index) => ({ key, json: all.subarray(ends[index - 1] ?? 0, ends[index]) }));
}
