import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  accounts,
  allDelivered,
  bodyFor,
  eventsByApplicant,
  eventStream,
  kafkaEnv,
  Load,
  metric,
  percentile,
  requestsByApplicant,
  type Answered,
} from '../support/kafka-service.js';
import { consume, dataOf, withoutRepeats } from '../support/kafka.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, launchService, post, startService, temporaryFolder } from '../support/service.js';

/** How long the broker is away: a few seconds at every change, 300 for the long form. */
const outageMs = Number(process.env['KAFKA_OUTAGE_SECONDS'] ?? 12) * 1000;
const patienceMs = 120_000;

let broker: TestServer;
beforeAll(async () => (broker = await startServer('kafka', { KAFKA_SECURE: '1' })));
afterAll(() => broker.remove());

function report(way: string, before: readonly Answered[], during: readonly Answered[], repeats: number): void {
  const times = [before, during].map((answers) => [0.5, 0.99].map((share) => percentile(answers, share).toFixed(1)));
  console.log(`${way}: p50/p99 ms before ${times[0]?.join('/')}, during ${times[1]?.join('/')}; repeats: ${repeats}`);
}

describe('demands 9 and 30: a broker that is away', () => {
  const ways = {
    stopped: { away: () => broker.stop(), back: () => broker.start() },
    killed: { away: () => broker.signal('SIGKILL'), back: () => broker.start() },
    hung: { away: () => broker.signal('SIGSTOP'), back: () => broker.signal('SIGCONT') },
  };

  it.each(['stopped', 'killed', 'hung'] as const)(
    '%s under load: predictions feel nothing, then all is delivered in order',
    async (way) => {
      const topic = `events-${randomUUID()}`;
      const service = await startService({
        env: kafkaEnv(broker.port, topic, { INFERENCE_SERVICE__EVENT_STREAM__BUFFER_SIZE: '100' }),
      });
      const load = new Load(service);
      await eventually(async () => (await accounts(service)).delivered > 300, patienceMs);
      const before = load.predicted;
      const rss = await metric(service, 'process_resident_memory_bytes');
      await ways[way].away();
      const start = load.predicted.length;
      try {
        await eventually(async () => (await eventStream(service)) === 'degraded', 60_000);
        await delay(outageMs);
        const held = await accounts(service);
        expect(held.inMemory).toBeLessThanOrEqual(100);
        expect(held.journaled).toBeGreaterThan(100);
        expect(held.dropped).toBe(0);
        expect(held.offered).toBe(held.delivered + held.journaled + held.inMemory);
        expect((await metric(service, 'process_resident_memory_bytes')) - rss).toBeLessThan(200e6);
        expect((await get(`${service.url}/ready`)).status).toBe(200);
      } finally {
        await ways[way].back();
      }
      const during = load.predicted.slice(start);
      await eventually(async () => (await eventStream(service)) === 'healthy', patienceMs);
      await load.stop();
      await eventually(() => allDelivered(service), patienceMs);
      const messages = await consume(broker.port, topic);
      report(way, before, during, withoutRepeats(messages).repeats);
      // Admission may refuse on a busy machine, broker or not; nothing else may.
      expect(load.answers.length - load.predicted.length).toBe(await metric(service, 'inference_shed_total'));
      // Generous: other programs share the machine.
      expect(percentile(during, 0.99)).toBeLessThan(percentile(before, 0.99) * 3 + 100);
      expect(await accounts(service)).toMatchObject({ dropped: 0, journaled: 0, inMemory: 0 });
      expect(eventsByApplicant(messages)).toEqual(requestsByApplicant(load.predicted));
    },
    600_000 + outageMs,
  );

  it('away at the start, and killed with its events in the journal: the next process delivers them', async () => {
    const topic = `events-${randomUUID()}`;
    const data = temporaryFolder('outage');
    const env = kafkaEnv(broker.port, topic);
    await broker.stop();
    const answered: string[] = [];
    try {
      const first = await launchService({ env, data });
      for (let number = 0; number < 50; number++) {
        const { status, body } = await post(`${first.url}/v1/predict`, bodyFor(`A-${1 + (number % 5)}`));
        expect(status).toBe(200);
        answered.push(String(body['request_id']));
      }
      await first.stop('SIGKILL');
      const second = await launchService({ env, data });
      expect((await post(`${second.url}/v1/predict`, bodyFor('A-1'))).status).toBe(200);
      // Demand 34: the end comes in time with the broker away, and leaves the rest in the journal.
      expect(await second.stop('SIGTERM')).toBe(0);
    } finally {
      await broker.start();
    }
    const third = await startService({ env, data });
    await eventually(() => allDelivered(third), patienceMs);
    const messages = await consume(broker.port, topic);
    expect(messages).toHaveLength(51);
    expect(messages.map((message) => dataOf(message)['request_id'])).toEqual(expect.arrayContaining(answered));
    await third.stop();
    rmSync(data, { recursive: true });
  });
});
