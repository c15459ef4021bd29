import { randomBytes, randomUUID } from 'node:crypto';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventSinkContract, wireEvent } from '../../src/events/event-sink.contract.js';
import type { WireEvent } from '../../src/events/event-sink.js';
import { EventsRefusedError } from '../../src/events/event-sink.js';
import type { KafkaOptions } from '../../src/events/options.js';
import { KafkaSink } from '../../src/events/sinks/kafka/kafka-sink.js';
import { ThreadKafkaClient } from '../../src/events/sinks/kafka/thread-client.js';
import { RecordingObserver } from '../support/events/publisher-fixture.js';
import { consume, createTopic, type Consumed } from '../support/kafka.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually } from '../support/service.js';
import { systemTimers } from '../../src/shared/timers.js';

let broker: TestServer;
beforeAll(async () => (broker = await startServer('kafka', { KAFKA_SECURE: '1' })));
afterAll(() => broker.remove());

const opened: KafkaSink[] = [];
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close();
});

function open(settings: Partial<KafkaOptions> = {}) {
  const options: KafkaOptions = {
    bootstrap_servers: `127.0.0.1:${broker.port}`,
    topic: `topic-${randomUUID()}`,
    mode: 'binary',
    compression: 'lz4',
    tls: { enabled: false },
    ...settings,
  };
  const observer = new RecordingObserver();
  const sink = new KafkaSink({ connect: () => new ThreadKafkaClient(options), timers: systemTimers, observer });
  opened.push(sink);
  return { sink, observer, topic: options.topic, received: () => consume(broker.port, options.topic) };
}

const idsOf = (messages: readonly Consumed[]) => messages.map(({ headers }) => headers['ce_id'] ?? headers['id']);
const sized = (id: string, bytes: number): WireEvent => ({
  id,
  key: 'one-key',
  json: Buffer.from(JSON.stringify({ id, data: randomBytes(bytes / 2).toString('hex') })),
});
const reasonOf = (sink: KafkaSink) =>
  sink.deliver([wireEvent(1)]).then(
    () => 'delivered',
    (error: unknown) => String(error),
  );

for (const mode of ['binary', 'structured'] as const) {
  eventSinkContract(`KafkaSink, ${mode} mode,`, () => {
    const { sink, received } = open({ mode });
    return Promise.resolve({
      sink,
      received: async () =>
        (await received()).map(({ value, headers }): unknown =>
          mode === 'binary' ? { id: headers['ce_id'], data: JSON.parse(value) as unknown } : JSON.parse(value),
        ),
      breakOnce: async () => {
        await broker.stop();
        return () => broker.start();
      },
      cleanUp: () => sink.close(),
    });
  });
}

describe('KafkaSink with a real broker', () => {
  it.each(['none', 'gzip', 'snappy', 'lz4'] as const)('compresses with %s', async (compression) => {
    const { sink, received } = open({ compression });
    await sink.deliver(Array.from({ length: 700 }, (_, index) => wireEvent(index, 'x'.repeat(100))));
    expect(idsOf(await received())).toEqual(Array.from({ length: 700 }, (_, index) => `event-${index}`));
  });

  it('delivers more than a batch may hold, in order', async () => {
    const { sink, received } = open({ compression: 'none' });
    await sink.deliver(Array.from({ length: 40 }, (_, index) => sized(`event-${index}`, 100_000)));
    expect(idsOf(await received())).toEqual(Array.from({ length: 40 }, (_, index) => `event-${index}`));
  });

  it("puts a key where Java's producer would", async () => {
    const { sink, received } = open();
    const murmur2: Record<string, number> = { '21': -973932308, foobar: -790332482, abc: 479470107 };
    await sink.deliver(Object.keys(murmur2).map((key, index) => ({ ...wireEvent(index), key })));
    const messages = await received();
    expect(messages).toHaveLength(3);
    for (const { key, partition } of messages) expect(partition, key).toBe(((murmur2[key] ?? 0) & 0x7fffffff) % 3);
  });

  it('refuses an event that is too large, alone, and sends the others once', async () => {
    const topic = `small-${randomUUID()}`;
    await createTopic(broker.port, topic, 20_000);
    const { sink, received } = open({ topic });
    const batch = Array.from({ length: 9 }, (_, index) => sized(`event-${index}`, index === 4 ? 60_000 : 6000));
    const refusal: unknown = await sink.deliver(batch).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EventsRefusedError);
    expect([...(refusal as EventsRefusedError).ids]).toEqual(['event-4']);
    await sink.deliver(batch.filter(({ id }) => id !== 'event-4'));
    expect(idsOf(await received())).toEqual([0, 1, 2, 3, 5, 6, 7, 8].map((index) => `event-${index}`));
  });

  it('asks the next broker of the list when one is dead', async () => {
    const { sink, received } = open({ bootstrap_servers: `127.0.0.1:1, 127.0.0.1:${broker.port}` });
    await sink.deliver([wireEvent(1)]);
    expect(await received()).toHaveLength(1);
  });

  it('gives up on a broker that hangs, and delivers by a new client when it is back', async () => {
    const { sink, observer, received } = open();
    await sink.deliver([wireEvent(1)]);
    await broker.signal('SIGSTOP');
    try {
      const start = performance.now();
      await expect(sink.deliver([wireEvent(2)])).rejects.toThrow('within 10000 ms');
      expect(performance.now() - start).toBeLessThan(20_000);
    } finally {
      await broker.signal('SIGCONT');
    }
    expect(observer.renewals).toHaveLength(1);
    await eventually(
      () =>
        sink.deliver([wireEvent(2)]).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await sink.deliver([wireEvent(3)]);
    // The one that was under way when the broker hung may have been written as well.
    expect([...new Set(idsOf(await received()))]).toEqual(['event-1', 'event-2', 'event-3']);
  });

  const user = { username: 'app', password: 'app-secret' };
  const tls = () => ({ enabled: true, ca_file: path.join(broker.directory, 'tls', 'ca.pem') });
  const at = (offset: number) => ({ bootstrap_servers: `localhost:${broker.port + offset}` });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('authenticates by %s', async (mechanism) => {
    const { sink, received } = open({ ...at(2), sasl: { mechanism, ...user } });
    await sink.deliver([wireEvent(1)]);
    expect(await received()).toHaveLength(1);
  });

  it('authenticates by scram-sha-512 over TLS', async () => {
    const { sink, received } = open({ ...at(4), tls: tls(), sasl: { mechanism: 'scram-sha-512', ...user } });
    await sink.deliver([wireEvent(1)]);
    expect(await received()).toHaveLength(1);
  });

  it('says what is wrong with the connection, without the password', async () => {
    const wrong = open({ ...at(2), sasl: { mechanism: 'scram-sha-512', username: 'app', password: 'wrong-secret' } });
    const reason = await reasonOf(wrong.sink);
    expect(reason).toContain('SASL_AUTHENTICATION_FAILED');
    expect(reason).not.toContain('wrong-secret');
    expect(await reasonOf(open({ ...at(3), tls: { enabled: true } }).sink)).toContain('self-signed certificate');
    expect(await reasonOf(open({ ...at(3), tls: { enabled: true, ca_file: 'nowhere.pem' } }).sink)).toContain('ENOENT');
    expect(await reasonOf(open({ bootstrap_servers: '127.0.0.1:1' }).sink)).toContain('ECONNREFUSED');
  });
});
