import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { accounts, allDelivered, bodyFor, kafkaEnv } from '../support/kafka-service.js';
import { consume, dataOf, withoutRepeats } from '../support/kafka.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, post, startService, temporaryFolder, type Service } from '../support/service.js';

/** How often the service is killed: a few times at every change, 50 for the long form. */
const rounds = Number(process.env['KILL_ROUNDS'] ?? 5);
const applicants = 20;

let broker: TestServer;
beforeAll(async () => (broker = await startServer('kafka')));
afterAll(() => broker.remove());

/** Asks until the service is gone; adds the ids of the requests that were answered. */
async function load(service: Service, answered: Set<string>): Promise<void> {
  const caller = async (_: unknown, at: number) => {
    for (let number = at; ; number++) {
      const body = bodyFor(`A-${1 + (number % applicants)}`);
      const answer = await post(`${service.url}/v1/predict`, body).catch(() => undefined);
      if (answer === undefined) return;
      // Admission may refuse on a busy machine.
      if (answer.status === 200) answered.add(String(answer.body['request_id']));
      else expect(answer.status).toBe(503);
    }
  };
  await Promise.all(Array.from({ length: 4 }, caller));
}

describe('demand 10: kill -9 at a random moment, with a real broker', () => {
  it(
    'of the answered requests no event is missing, and each life goes on with the journal of the last',
    async () => {
      const topic = `events-${randomUUID()}`;
      const data = temporaryFolder('killed');
      onTestFinished(() => rmSync(data, { recursive: true, force: true }));
      const env = kafkaEnv(broker.port, topic);
      const answered = new Set<string>();
      for (let round = 0; round < rounds; round++) {
        const service = await startService({ env, data });
        const loading = load(service, answered);
        const before = answered.size;
        await eventually(() => answered.size > before + 20, 60_000);
        // In some lives events have reached the broker, in others they all wait still.
        if (round % 2 === 0) await eventually(async () => (await accounts(service)).delivered > 0, 60_000);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
        await service.stop('SIGKILL');
        await loading;
      }
      const last = await startService({ env, data });
      await eventually(() => allDelivered(last), 120_000);
      // What the lives before left in the journal is no part of this one's account.
      const seen = async () =>
        new Set((await consume(broker.port, topic)).map((message) => dataOf(message)['request_id']));
      await eventually(async () => {
        const delivered = await seen();
        return [...answered].every((id) => delivered.has(id));
      }, 120_000);
      const { unique, repeats } = withoutRepeats(await consume(broker.port, topic));
      console.log(`${rounds} kills: ${answered.size} answered, ${unique.length} events, ${repeats} repeats`);
      // A repeat has the ce_id of the first: without repeats every request is there once.
      const ids = unique.map((message) => String(dataOf(message)['request_id'])).filter((id) => answered.has(id));
      expect(ids).toHaveLength(answered.size);
    },
    300_000 + rounds * 60_000,
  );

  it('of what waits in memory (durability: memory) no more is missing than it holds', async () => {
    const topic = `events-${randomUUID()}`;
    const data = temporaryFolder('killed');
    onTestFinished(() => rmSync(data, { recursive: true, force: true }));
    const held = 100;
    const env = kafkaEnv(broker.port, topic, {
      INFERENCE_SERVICE__EVENTS__DURABILITY: 'memory',
      INFERENCE_SERVICE__EVENT_STREAM__BUFFER_SIZE: String(held),
    });
    const answered = new Set<string>();
    const service = await startService({ env, data });
    const loading = load(service, answered);
    // Far more than may be missing, else nothing is shown.
    await eventually(() => answered.size > 5 * held, 120_000);
    expect((await accounts(service)).dropped).toBe(0);
    await service.stop('SIGKILL');
    await loading;
    // What did not fit in memory is in the journal.
    const next = await startService({ env, data });
    const last = await post(`${next.url}/v1/predict`, bodyFor('A-1'));
    await eventually(() => allDelivered(next), 120_000);
    const seen = async () =>
      new Set((await consume(broker.port, topic)).map((message) => dataOf(message)['request_id']));
    await eventually(async () => (await seen()).has(last.body['request_id']), 120_000);
    const delivered = await seen();
    const missing = [...answered].filter((id) => !delivered.has(id));
    console.log(`memory: ${answered.size} answered, ${missing.length} missing`);
    expect(missing.length).toBeLessThanOrEqual(held);
  }, 300_000);
});
