import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { differences } from '../support/closeness.js';
import { mlflowVariables, startMlflow, type TestMlflow } from '../support/mlflow.js';
import { startServer, type TestServer } from '../support/servers.js';
import {
  eventually,
  get,
  launchService,
  post,
  startService,
  temporaryFolder,
  type Service,
} from '../support/service.js';

const secret = 'shared by two';
let mlflow: TestMlflow;
let service: Service;
let onnxScoring: TestServer;
let sklearnScoring: TestServer;

beforeAll(async () => {
  mlflow = await startMlflow();
  const scoring = (model: string) =>
    startServer('mlflow-scoring', { MLFLOW_TRACKING_URI: mlflow.url, MODEL_URI: model, START_LIMIT_S: '300' });
  onnxScoring = await scoring('models:/iris@champion');
  sklearnScoring = await scoring('models:/iris-skl/1');
  const scoringUrls = JSON.stringify({ 'iris-skl/1': `http://127.0.0.1:${sklearnScoring.port}` });
  const variables = mlflowVariables(mlflow.url, { SCORING_URLS: scoringUrls, PRODUCTION_ALIAS: 'champion' });
  service = await launchService({ env: variables });
  await eventually(async () => (await get(`${service.url}/ready`)).status === 200, 60_000);
});

afterAll(async () => {
  await service.stop('SIGKILL');
  rmSync(service.data, { recursive: true, force: true });
  await onnxScoring.remove();
  await sklearnScoring.remove();
  await mlflow.server.remove();
});

const named = (row: readonly number[]) =>
  Object.fromEntries(mlflow.iris.columns.map((column, at) => [column, row[at]]));
const featuresOf = (index: number) => named(mlflow.iris.rows[index] ?? []);

async function probabilities(url: string, rest: Record<string, unknown>, rows = mlflow.iris.rows) {
  const instances = rows.map((row) => ({ features: named(row) }));
  const { body, status } = await post(`${url}/v1/predict/batch`, { model_id: 'iris', instances, ...rest });
  expect(status, JSON.stringify(body)).toBe(200);
  const results = body['results'] as { prediction: { probabilities: Record<string, number> } }[];
  return results.map(({ prediction }) => Object.values(prediction.probabilities));
}

async function invocations(server: TestServer): Promise<unknown> {
  const frame = { columns: mlflow.iris.columns, data: mlflow.iris.rows };
  const { body } = await post(`http://127.0.0.1:${server.port}/invocations`, { dataframe_split: frame });
  return body['predictions'];
}

it('demand 17: every path answers what scikit-learn and `mlflow models serve` answer', async () => {
  const { iris } = mlflow;
  for (const version of ['1', '2'] as const) {
    const batch = await probabilities(service.url, { model_version: version });
    expect(differences(batch, iris.probabilities[version], 1e-6)).toEqual([]);
  }
  const served = (await invocations(onnxScoring)) as { output_probability: Record<string, number> }[];
  const theirs = served.map(({ output_probability: row }) => Object.values(row));
  expect(differences(await probabilities(service.url, { model_version: '@champion' }), theirs, 1e-6)).toEqual([]);
  expect(differences(await probabilities(service.url, {}), theirs, 1e-6)).toEqual([]);
  const array = await post(`${service.url}/v1/predict`, { model_id: 'iris-arrays', features: { input: iris.rows[0] } });
  const got = Object.values((array.body['prediction'] as { probabilities: object }).probabilities);
  expect(differences(got, iris.probabilities['1'][0], 1e-6)).toEqual([]);
});

it('a model of another flavour answers what its scoring server answers', async () => {
  const instances = mlflow.iris.rows.map((row) => ({ features: named(row) }));
  const { body } = await post(`${service.url}/v1/predict/batch`, { model_id: 'iris-skl', instances });
  const results = body['results'] as { prediction: { prediction: number } }[];
  expect(results.map(({ prediction }) => prediction.prediction)).toEqual(await invocations(sklearnScoring));
  const wrong = await post(`${service.url}/v1/predict`, { model_id: 'iris-skl', features: { sepal_length: 'long' } });
  expect([wrong.status, wrong.body['error_code']]).toEqual([400, 'FEATURE_VALIDATION_FAILED']);
});

it('a model without a signature says so', async () => {
  const { body } = await get(`${service.url}/v1/models/iris-unsigned/versions/1`);
  expect(body).toMatchObject({ state: 'failed', reasons: [expect.stringContaining('MLmodel has no signature')] });
});

/** Moves champion while requests are sent. Returns how long it took until its new version answered. */
async function follow(url: string, version: '1' | '2'): Promise<number> {
  const body = { model_id: 'iris', model_version: '@champion', features: featuresOf(60) };
  const movedAt = performance.now();
  await mlflow.setAlias('iris', 'champion', version);
  let answered: unknown;
  await eventually(async () => {
    const reply = await post(`${url}/v1/predict`, body);
    expect(reply.status, JSON.stringify(reply.body)).toBe(200);
    answered = reply.body['model_version'];
    return answered === version;
  }, 30_000);
  return performance.now() - movedAt;
}

it('demand 18: an alias that moves is followed within five seconds by polling, with no restart and no failed request', async () => {
  const pid = service.process.pid;
  expect(await follow(service.url, '2')).toBeLessThan(5000);
  expect(await follow(service.url, '1')).toBeLessThan(5000);
  expect(service.process.pid).toBe(pid);
  const { body } = await post(`${service.url}/v1/predict`, { model_id: 'iris', features: featuresOf(0) });
  expect(body['model_version']).toBe('1');
});

it('and at once by the webhook, without polling', async () => {
  const settings = { WEBHOOK_SECRET: secret, POLL_INTERVAL_MS: '3600000' };
  const alone = await startService({ env: mlflowVariables(mlflow.url, settings) });
  await eventually(async () => (await get(`${alone.url}/ready`)).status === 200, 60_000);
  await mlflow.call('webhooks', {
    name: 'inference',
    url: `${alone.url}/v1/webhooks/mlflow`,
    events: [{ entity: 'MODEL_VERSION_ALIAS', action: 'CREATED' }],
    secret,
  });
  // MLflow keeps its list of webhooks for a second.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(await follow(alone.url, '2')).toBeLessThan(5000);
  await follow(service.url, '1');
});

it('stages are followed too', async () => {
  await mlflow.call('model-versions/transition-stage', { name: 'iris', version: '2', stage: 'Staging' });
  const body = { model_id: 'iris', model_version: '@staging', features: featuresOf(0) };
  await eventually(async () => (await post(`${service.url}/v1/predict`, body)).body['model_version'] === '2', 30_000);
});

it('four workers fetch a version once', async () => {
  const data = temporaryFolder('workers');
  const four = await startService({ data, args: ['--workers', '4'], env: mlflowVariables(mlflow.url) });
  await eventually(async () => (await get(`${four.url}/ready`)).status === 200, 60_000);
  await eventually(() => (four.output().match(/A version was fetched/g) ?? []).length >= 4, 30_000);
  // The worker that answers may still be loading it.
  const request = { model_id: 'iris', model_version: '2', features: featuresOf(0) };
  await eventually(async () => (await post(`${four.url}/v1/predict`, request)).status === 200, 30_000);
  // iris 1 and 2, iris-arrays, iris-skl; iris-unsigned fails.
  expect(four.output().match(/A version was fetched/g)).toHaveLength(4);
  await four.stop();
  rmSync(data, { recursive: true, force: true });
});

it('MLflow that is down leaves everything serving, over a restart of the service too, and is followed when it is back', async () => {
  const data = temporaryFolder('restart');
  const env = mlflowVariables(mlflow.url);
  const before = await startService({ data, env });
  let after: Service;
  await eventually(async () => (await get(`${before.url}/ready`)).status === 200, 60_000);
  const want = await probabilities(before.url, { model_version: '@champion' });
  const checks = async (url: string) => (await get(`${url}/ready`)).body['checks'] as Record<string, unknown>;
  const champion = async (url: string) => probabilities(url, { model_version: '@champion' });
  await mlflow.server.stop();
  try {
    await eventually(async () => (await checks(before.url))['model_registry'] === 'degraded', 30_000);
    expect((await get(`${before.url}/ready`)).status).toBe(200);
    expect(differences(await champion(before.url), want, 1e-6)).toEqual([]);
    await before.stop();
    after = await startService({ data, env });
    // A restart may choose the other executor, by what each costs: the last bit may differ.
    expect(differences(await champion(after.url), want, 1e-6)).toEqual([]);
    expect(after.output()).toContain('MLflow cannot be reached');
  } finally {
    await mlflow.server.start();
  }
  const { url } = after;
  await eventually(async () => (await checks(url))['model_registry'] === 'healthy', 60_000);
  await follow(url, '2');
  await after.stop();
  rmSync(data, { recursive: true, force: true });
});
