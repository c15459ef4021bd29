import { describe, expect, it } from 'vitest';
import { ManualTimers, settled } from '../../../../test/support/events/manual-timers.js';
import { RecordingObserver } from '../../../../test/support/events/publisher-fixture.js';
import { ManualClock } from '../../../shared/clock.js';
import { EventsRefusedError, type WireEvent } from '../../event-sink.js';
import { wireEvent } from '../../event-sink.contract.js';
import { KafkaSendError, type KafkaClient } from './kafka-client.js';
import { KafkaSink } from './kafka-sink.js';

/** How a send ends; undefined: never. */
type Outcome = (ids: readonly string[]) => Error | 'acknowledged' | undefined;

class ScriptedClient implements KafkaClient {
  closed = 0;
  readonly #sent: string[][];
  readonly #outcome: Outcome;

  constructor(sent: string[][], outcome: Outcome) {
    this.#sent = sent;
    this.#outcome = outcome;
  }

  send(events: readonly WireEvent[]): Promise<void> {
    const ids = events.map(({ id }) => id);
    this.#sent.push(ids);
    const outcome = this.#outcome(ids);
    if (outcome === undefined) return new Promise(() => {});
    return outcome === 'acknowledged' ? Promise.resolve() : Promise.reject(outcome);
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}

function setUp(outcome: Outcome = () => 'acknowledged') {
  const script = { outcome };
  const sent: string[][] = [];
  const clients: ScriptedClient[] = [];
  const timers = new ManualTimers(new ManualClock());
  const observer = new RecordingObserver();
  const connect = () => {
    const client = new ScriptedClient(sent, (ids) => script.outcome(ids));
    clients.push(client);
    return client;
  };
  return { sink: new KafkaSink({ connect, timers, observer }), script, sent, clients, timers, observer };
}

const events = (count: number, bytes = 1) =>
  Array.from({ length: count }, (_, index) => ({ ...wireEvent(index), json: Buffer.alloc(bytes) }));
const tooLarge = new KafkaSendError('too_large', 'too large');
const passing = new KafkaSendError('failed', 'no broker');

describe('KafkaSink', () => {
  it('makes no client before the first event, and one for all batches', async () => {
    const { sink, clients, sent } = setUp();
    await sink.deliver([]);
    expect(clients).toHaveLength(0);
    await sink.deliver(events(1));
    await sink.deliver(events(2));
    expect(clients).toHaveLength(1);
    expect(sent).toEqual([['event-0'], ['event-0', 'event-1']]);
  });

  it('cuts batches at 500 events and at 512 KiB', async () => {
    const { sink, sent } = setUp();
    await sink.deliver(events(1200));
    expect(sent.map(({ length }) => length)).toEqual([500, 500, 200]);
    await sink.deliver(events(5, 200 * 1024));
    expect(sent.slice(3).map(({ length }) => length)).toEqual([2, 2, 1]);
    await sink.deliver(events(2, 600 * 1024));
    expect(sent.slice(6).map(({ length }) => length)).toEqual([1, 1]);
  });

  it('after a failure sends only what was not acknowledged', async () => {
    const { sink, script, sent, clients } = setUp((ids) => (ids.includes('event-700') ? passing : 'acknowledged'));
    await expect(sink.deliver(events(900))).rejects.toBe(passing);
    script.outcome = () => 'acknowledged';
    await sink.deliver(events(900));
    expect(sent.map(({ length }) => length)).toEqual([500, 400, 400]);
    expect(clients).toHaveLength(1);
    await sink.deliver(events(10));
    expect(sent.at(-1)).toHaveLength(10);
  });

  it('finds the events that are too large, and sends each other one once', async () => {
    const bad = new Set(['event-3', 'event-11']);
    const { sink, sent } = setUp((ids) => (ids.some((id) => bad.has(id)) ? tooLarge : 'acknowledged'));
    const refusal: unknown = await sink.deliver(events(16)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EventsRefusedError);
    expect((refusal as EventsRefusedError).ids).toEqual(bad);
    await sink.deliver(events(16).filter(({ id }) => !bad.has(id)));
    const acknowledged = sent.filter((ids) => !ids.some((id) => bad.has(id))).flat();
    expect(acknowledged).toEqual(
      events(16)
        .map(({ id }) => id)
        .filter((id) => !bad.has(id)),
    );
  });

  it('gives up on a send after 10 s, ends its client and makes a new one', async () => {
    const { sink, script, clients, timers, observer } = setUp(() => undefined);
    const delivery = sink.deliver(events(1));
    const outcome = expect(delivery).rejects.toThrow('within 10000 ms');
    await timers.advance(9_999);
    expect(clients[0]?.closed).toBe(0);
    await timers.advance(1);
    await outcome;
    expect(clients[0]?.closed).toBe(1);
    expect(observer.renewals).toHaveLength(1);
    script.outcome = () => 'acknowledged';
    await sink.deliver(events(1));
    expect(clients).toHaveLength(2);
    expect(timers.armed).toBe(0);
  });

  it('makes a new client when one is broken, and none when a send failed', async () => {
    const { sink, script, clients, observer } = setUp(() => passing);
    await expect(sink.deliver(events(1))).rejects.toBe(passing);
    script.outcome = () => new KafkaSendError('broken', 'its thread ended');
    await expect(sink.deliver(events(1))).rejects.toThrow('its thread ended');
    script.outcome = () => 'acknowledged';
    await sink.deliver(events(1));
    expect(clients.map(({ closed }) => closed)).toEqual([1, 0]);
    expect(observer.renewals).toEqual(['its thread ended']);
  });

  it('ends its client when it is closed, and takes nothing then', async () => {
    const { sink, clients, observer } = setUp();
    await sink.deliver(events(1));
    await sink.close();
    await sink.close();
    expect(clients[0]?.closed).toBe(1);
    await expect(sink.deliver(events(1))).rejects.toThrow('closed');
    await settled();
    expect([clients.length, observer.renewals.length]).toEqual([1, 0]);
  });
});
