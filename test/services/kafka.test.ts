import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accounts, allDelivered, bodyFor, eventStream, kafkaEnv } from '../support/kafka-service.js';
import { consume, createTopic, dataOf, withoutRepeats, type Consumed } from '../support/kafka.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, post, startService, temporaryFolder } from '../support/service.js';

const schema = JSON.parse(readFileSync('docs/event.schema.json', 'utf8')) as object;
const isEvent = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
const patienceMs = 120_000;

let broker: TestServer;
beforeAll(async () => (broker = await startServer('kafka', { KAFKA_SECURE: '1' })));
afterAll(() => broker.remove());

describe('demand 29: the event of each prediction, as a consumer reads it', () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const traceparent = `00-${trace}-00f067aa0ba902b7-01`;

  async function consumed(settings: Record<string, string>): Promise<Consumed[]> {
    const topic = `events-${randomUUID()}`;
    const service = await startService({ env: kafkaEnv(broker.port, topic, settings) });
    for (let number = 0; number < 30; number++) {
      const headers = { traceparent, 'x-request-id': `request-${number}` };
      expect((await post(`${service.url}/v1/predict`, bodyFor(`A-${1 + (number % 3)}`), headers)).status).toBe(200);
    }
    const refused = await post(`${service.url}/v1/predict`, { model_id: 'none', features: {} }, { traceparent });
    expect(refused.status).toBe(404);
    await eventually(() => allDelivered(service), patienceMs);
    expect(await eventStream(service)).toBe('healthy');
    return consume(broker.port, topic);
  }

  function expectEvents(messages: readonly Consumed[], events: readonly Record<string, unknown>[]): void {
    expect(messages).toHaveLength(31);
    for (const event of events) expect(isEvent(event), JSON.stringify(isEvent.errors)).toBe(true);
    expect(new Set(events.map(({ id }) => id)).size).toBe(31);
    expect(events.every(({ traceparent: parent }) => String(parent).split('-')[1] === trace)).toBe(true);
    expect(messages.every(({ headers }) => headers['traceparent']?.split('-')[1] === trace)).toBe(true);
    for (const applicant of ['A-1', 'A-2', 'A-3']) {
      const own = messages.flatMap(({ key, partition }, index) => (key === applicant ? [{ partition, index }] : []));
      expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
      const numbers = own.map(({ index }) =>
        Number(String((events[index]?.['data'] as { request_id: string }).request_id).split('-')[1]),
      );
      expect(numbers).toHaveLength(10);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
  }

  it('is a valid CloudEvent in binary mode', async () => {
    const messages = await consumed({});
    const events = messages.map(({ headers, value }) => {
      const attributes = Object.entries(headers).filter(([name]) => name.startsWith('ce_'));
      const named = attributes.map(([name, text]) => [name.slice('ce_'.length), text] as const);
      return {
        ...Object.fromEntries(named),
        datacontenttype: headers['content-type'],
        data: JSON.parse(value) as unknown,
      };
    });
    expectEvents(messages, events);
  });

  it('is a valid CloudEvent in structured mode', async () => {
    const messages = await consumed({ INFERENCE_SERVICE__KAFKA__MODE: 'structured' });
    for (const { headers } of messages)
      expect(headers['content-type']).toBe('application/cloudevents+json; charset=UTF-8');
    expectEvents(messages, messages.map(dataOf));
  });

  it('holds no personal data: neither in its value nor as its key', async () => {
    const folder = temporaryFolder('views');
    const views = readFileSync('examples/features.yaml', 'utf8').replace(
      '  on_missing: fail',
      '  pii: true\n  on_missing: fail',
    );
    const file = `${folder}/features.yaml`;
    writeFileSync(file, views);
    const topic = `events-${randomUUID()}`;
    const service = await startService({
      env: kafkaEnv(broker.port, topic, { INFERENCE_SERVICE__EVENTS__PII_KEY: 'sixteen bytes or more' }),
      args: ['--features', file],
    });
    expect((await post(`${service.url}/v1/predict`, bodyFor('A-1234'))).status).toBe(200);
    await eventually(() => allDelivered(service), patienceMs);
    const [message] = await consume(broker.port, topic);
    expect(message?.key).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(message)).not.toContain('A-1234');
    rmSync(folder, { recursive: true });
  });
});

describe('demand 30: a broker that refuses', () => {
  it('drops and counts an event that is too large, and delivers the others', async () => {
    const topic = `events-${randomUUID()}`;
    // The event of a request for no model takes half of it, that of 64 long numbers twice as much.
    await createTopic(broker.port, topic, 1600);
    const service = await startService({
      env: kafkaEnv(broker.port, topic, { INFERENCE_SERVICE__KAFKA__COMPRESSION: 'none' }),
    });
    const pixels = Array.from({ length: 64 }, () => Math.random() * 16);
    const digit = { model_id: 'digits', features: { pixels } };
    for (const body of [{ model_id: 'none', features: {} }, digit, { model_id: 'none', features: {} }]) {
      const answer = await post(`${service.url}/v1/predict`, body);
      expect(answer.status).toBe(body === digit ? 200 : 404);
    }
    await eventually(() => allDelivered(service), patienceMs);
    expect(await accounts(service)).toMatchObject({ offered: 3, delivered: 2, dropped: 1 });
    const { unique } = withoutRepeats(await consume(broker.port, topic));
    expect(unique.map((message) => dataOf(message)['model_id'])).toEqual(['none', 'none']);
    expect(await eventStream(service)).toBe('healthy');
  });

  it('says that the topic is missing, and delivers once it is there', async () => {
    const strict = await startServer('kafka', { KAFKA_AUTO_CREATE: 'false' });
    try {
      const topic = `events-${randomUUID()}`;
      const service = await startService({ env: kafkaEnv(strict.port, topic) });
      expect((await post(`${service.url}/v1/predict`, bodyFor('A-1'))).status).toBe(200);
      await eventually(() => service.output().includes(`The topic ${topic} does not exist`), patienceMs);
      expect(await eventStream(service)).toBe('degraded');
      await createTopic(strict.port, topic);
      await eventually(() => allDelivered(service), patienceMs);
      expect(await consume(strict.port, topic)).toHaveLength(1);
    } finally {
      await strict.remove();
    }
  });

  it('keeps events while authorisation is refused, and delivers them once it is granted', async () => {
    const env = { KAFKA_SECURE: '1', KAFKA_SUPER_USERS: 'User:ANONYMOUS' };
    const guarded = await startServer('kafka', env);
    try {
      const topic = `events-${randomUUID()}`;
      await createTopic(guarded.port, topic);
      const service = await startService({
        env: kafkaEnv(guarded.port, topic, {
          KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:1,localhost:${guarded.port + 4}`,
          INFERENCE_SERVICE__KAFKA__SASL__USERNAME: 'app',
          INFERENCE_SERVICE__KAFKA__SASL__PASSWORD: 'app-secret',
          INFERENCE_SERVICE__KAFKA__TLS__ENABLED: 'true',
          INFERENCE_SERVICE__KAFKA__TLS__CA_FILE: `${guarded.directory}/tls/ca.pem`,
        }),
      });
      for (let number = 0; number < 20; number++)
        expect((await post(`${service.url}/v1/predict`, bodyFor('A-1'))).status).toBe(200);
      await eventually(() => service.output().includes('TOPIC_AUTHORIZATION_FAILED'), patienceMs);
      expect(service.output()).not.toContain('app-secret');
      expect(await accounts(service)).toMatchObject({ delivered: 0, dropped: 0, journaled: 20 });
      env.KAFKA_SUPER_USERS = 'User:ANONYMOUS;User:app';
      await guarded.stop();
      await guarded.start();
      await eventually(() => allDelivered(service), patienceMs);
      expect(withoutRepeats(await consume(guarded.port, topic)).unique).toHaveLength(20);
    } finally {
      await guarded.remove();
    }
  });
});
