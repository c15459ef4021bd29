import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Canaries, personalRow, personalViews } from '../support/canaries.js';
import { allDelivered, bodyFor, kafkaEnv } from '../support/kafka-service.js';
import { consume } from '../support/kafka.js';
import { makeKey, runProgram } from '../support/program.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, post, startService, temporaryFolder } from '../support/service.js';

const canaries = new Canaries();
const canary = (place: string): string => canaries.make(place);
const storedKey = canary('StoredKey');

let broker: TestServer;
let receiver: TestServer;
beforeAll(async () => {
  [broker, receiver] = await Promise.all([startServer('kafka'), startServer('otlp')]);
});
afterAll(async () => {
  await broker.remove();
  await receiver.remove();
});

/** A service with a secret for every neighbour; Redis and MLflow are not there, and say so with their errors. */
async function start(topic: string) {
  const data = temporaryFolder('canary');
  const features = path.join(data, 'views.yaml');
  const rows = path.join(data, 'rows.csv');
  writeFileSync(features, personalViews);
  writeFileSync(rows, personalRow(storedKey));
  const store = ['--features', features, '--data', data];
  await runProgram('features', 'import', rows, '--view', 'applicant_profile', ...store);
  const { secret } = await makeKey(data);
  const service = await startService({
    data,
    args: ['--features', features],
    env: kafkaEnv(broker.port, topic, {
      INFERENCE_SERVICE__LOG_LEVEL: 'TRACE',
      INFERENCE_SERVICE__AUTH__MODE: 'required',
      INFERENCE_SERVICE__EVENTS__PII_KEY: canaries.add('0123456789abcdef0123456789abcdef'),
      INFERENCE_SERVICE__TRACING__OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
      INFERENCE_SERVICE__TRACING__SAMPLE_RATIO: '1',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: '1',
      REDIS_PASSWORD: canary('RedisPassword'),
      MLFLOW_TRACKING_URI: 'http://127.0.0.1:1',
      MLFLOW_TRACKING_USERNAME: canary('MlflowUser'),
      MLFLOW_TRACKING_PASSWORD: canary('MlflowPassword'),
    }),
  });
  return { service, key: canaries.add(secret) };
}

it('demand 4: no canary in spans, Kafka, log or metrics', async () => {
  const topic = `events-${randomUUID()}`;
  const { service, key } = await start(topic);
  const url = `${service.url}/v1/predict`;
  const trace = () => `00-${randomUUID().replaceAll('-', '')}-00f067aa0ba902b7-01`;
  const headers = () => ({
    ...{ 'x-api-key': key, traceparent: trace(), 'x-note': canary('Header'), 'user-agent': canary('UserAgent') },
    ...{ cookie: `session=${canary('Cookie')}`, baggage: `user=${canary('Baggage')}` },
  });
  const good = bodyFor(storedKey);
  expect((await post(url, good, headers())).status).toBe(200);
  const bodies = [
    `{"model_id": "${canary('BrokenJson')}`,
    { ...good, [canary('FieldName')]: 1 },
    { ...good, features: { ...good.features, debt_to_income: canary('FeatureValue') } },
    { ...good, features: { ...good.features, [canary('FeatureName')]: 1 } },
    { ...good, entities: { applicant_id: canary('EntityKey') } },
    { ...good, options: { timeout_ms: canary('Option') } },
  ];
  for (const body of bodies) expect((await post(url, body, headers())).status).toBe(400);
  const wrong = { ...headers(), 'x-api-key': canary('WrongKey') };
  expect((await post(url, good, wrong)).status).toBe(401);
  await get(`${service.url}/v1/models/none?key=${canary('Query')}`, headers());

  await eventually(() => allDelivered(service), 120_000);
  const spans = () => readFileSync(path.join(receiver.directory, 'log'), 'utf8');
  const requests = () => spans().match(/"kind":"Server"/g)?.length ?? 0;
  await eventually(() => requests() >= bodies.length + 1, 60_000);
  const messages = await consume(broker.port, topic);
  expect(messages.length).toBeGreaterThan(bodies.length);

  canaries.expectNone('the spans', spans());
  canaries.expectNone('Kafka', JSON.stringify(messages));
  canaries.expectNone('the log', service.output());
  canaries.expectNone('the metrics', String((await get(`${service.url}/metrics`)).body['text']));
});
