import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { differences } from '../support/closeness.js';
import { faults, startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { mlflowVariables, startMlflow, type TestMlflow } from '../support/mlflow.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, launchService, post, startService, type Service } from '../support/service.js';

const features = { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 };
const ask = (url: string, model_id: string, rest: object = {}) =>
  post(`${url}/v1/predict`, { model_id, features, ...rest });
const registryState = async (url: string) =>
  ((await get(`${url}/ready`)).body['checks'] as Record<string, unknown>)['model_registry'];

describe('through a proxy that fails', () => {
  let mlflow: TestMlflow;
  let scoring: TestServer;
  let toMlflow: FaultProxy;
  let toScoring: FaultProxy;
  let service: Service;

  beforeAll(async () => {
    mlflow = await startMlflow();
    scoring = await startServer('mlflow-scoring', {
      ...{ MLFLOW_TRACKING_URI: mlflow.url, MODEL_URI: 'models:/iris-skl/1', START_LIMIT_S: '300' },
    });
    toMlflow = await startFaultProxy(mlflow.server.port);
    toScoring = await startFaultProxy(scoring.port);
    service = await launchService({
      env: {
        ...mlflowVariables(`http://127.0.0.1:${toMlflow.port}`, {
          SCORING_URLS: `iris-skl/1=http://127.0.0.1:${toScoring.port}`,
          TIMEOUT_MS: '400',
          POLL_INTERVAL_MS: '500',
        }),
        INFERENCE_SERVICE__MODEL_SERVER__TIMEOUT_MS: '800',
        INFERENCE_SERVICE__MODEL_SERVER__CIRCUIT_BREAKER__RECOVERY_TIMEOUT_SECONDS: '0.5',
      },
    });
    await eventually(async () => (await ask(service.url, 'iris-skl')).status === 200, 60_000);
    await eventually(async () => (await ask(service.url, 'iris')).status === 200, 60_000);
  });
  afterAll(async () => {
    await service.stop('SIGKILL');
    rmSync(service.data, { recursive: true, force: true });
    for (const proxy of [toScoring, toMlflow]) await proxy.remove();
    await scoring.remove();
    await mlflow.server.remove();
  });
  afterEach(() => Promise.all([toMlflow.heal(), toScoring.heal()]));

  it.each(faults)(
    'demand 6: a scoring server that is %s is told as one, other models answer, and it is used again',
    async (fault) => {
      await toScoring.fail(fault);
      for (let i = 0; i < 3; i++) {
        const { status, body } = await ask(service.url, 'iris-skl');
        // Only a fault that leaves the whole answer may still give one.
        if (status === 200) expect([fault, body['prediction']]).toEqual(['slow close', { prediction: 0 }]);
        else expect([503, 504], JSON.stringify(body)).toContain(status);
        expect((await ask(service.url, 'iris')).status).toBe(200);
      }
      await toScoring.heal();
      await eventually(async () => (await ask(service.url, 'iris-skl')).status === 200, 30_000);
    },
  );

  it('demand 12: while the breaker is open the scoring server gets no call, and the answer says when to come back', async () => {
    await toScoring.fail('down');
    await eventually(async () => {
      const { status, headers, body } = await ask(service.url, 'iris-skl');
      expect([status, headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)]);
      return String(body['message']).includes('has failed too often');
    }, 30_000);
    await toScoring.heal();
    await eventually(async () => (await ask(service.url, 'iris-skl')).status === 200, 30_000);
  });

  it("demand 16: a caller's time reaches the scoring server's call", async () => {
    await toScoring.fail('black hole');
    const startedAt = performance.now();
    const { status } = await ask(service.url, 'iris-skl', { options: { timeout_ms: 100 } });
    expect(status).toBe(504);
    expect(performance.now() - startedAt).toBeLessThan(790);
    await toScoring.heal();
    await eventually(async () => (await ask(service.url, 'iris-skl')).status === 200, 30_000);
  });

  it.each(faults)(
    'demand 6: an MLflow that is %s leaves all versions serving, and is followed again afterwards',
    async (fault) => {
      await toMlflow.fail(fault);
      if (fault !== 'slow close')
        await eventually(async () => (await registryState(service.url)) === 'degraded', 30_000);
      expect((await get(`${service.url}/ready`)).status).toBe(200);
      expect((await ask(service.url, 'iris', { model_version: '@champion' })).status).toBe(200);
      await toMlflow.heal();
      await eventually(async () => (await registryState(service.url)) === 'healthy', 30_000);
      const { body } = await ask(service.url, 'iris', { model_version: '@champion' });
      const next = body['model_version'] === '1' ? '2' : '1';
      await mlflow.setAlias('iris', 'champion', next);
      const answers = async () =>
        (await ask(service.url, 'iris', { model_version: '@champion' })).body['model_version'];
      await eventually(async () => (await answers()) === next, 30_000);
    },
  );
});

describe('an MLflow that asks who is there', () => {
  const user = { MLFLOW_TRACKING_USERNAME: 'admin', MLFLOW_TRACKING_PASSWORD: 'admin-password1' };
  let mlflow: TestMlflow;
  beforeAll(async () => {
    mlflow = await startMlflow({ MLFLOW_BASIC_AUTH: '1', ...user });
  });
  afterAll(() => mlflow.server.remove());

  it('serves who has the password, and a wrong one is named', async () => {
    const right = await startService({ env: { ...mlflowVariables(mlflow.url), ...user } });
    await eventually(async () => (await ask(right.url, 'iris')).status === 200, 60_000);
    const wrong = await startService({
      env: { ...mlflowVariables(mlflow.url), ...user, MLFLOW_TRACKING_PASSWORD: 'canary-7f3' },
    });
    expect((await get(`${wrong.url}/ready`)).status).toBe(503);
    expect(await registryState(wrong.url)).toBe('degraded');
    expect(wrong.output()).toContain('MLflow refuses the credentials (401): see mlflow.username');
    expect(wrong.output() + right.output()).not.toMatch(/canary-7f3|admin-password1/);
  });
});

describe('an MLflow whose artifacts are elsewhere', () => {
  let mlflow: TestMlflow;
  beforeAll(async () => {
    mlflow = await startMlflow({ MLFLOW_ARTIFACT_PROXY: 'off' });
  });
  afterAll(() => mlflow.server.remove());

  it('reads them for the service: all files of a version come', async () => {
    const service = await startService({ env: mlflowVariables(mlflow.url) });
    await eventually(async () => (await ask(service.url, 'iris')).status === 200, 60_000);
    const { body } = await ask(service.url, 'iris', { model_version: '1' });
    const got = Object.values((body['prediction'] as { probabilities: object }).probabilities);
    expect(differences(got, mlflow.iris.probabilities['1'][0], 1e-6)).toEqual([]);
    const copies = path.join(service.data, 'mlflow/models/iris');
    const [folder = ''] = readdirSync(copies).filter((name) => !name.endsWith('.json'));
    expect(readdirSync(path.join(copies, folder))).toEqual(
      expect.arrayContaining(['conda.yaml', 'MLmodel', 'model.onnx']),
    );
  });
});

it('a tracking server that is none stops nothing: it is named, and models of the folder answer', async () => {
  const toxiproxy = await startServer('toxiproxy');
  onTestFinished(() => toxiproxy.remove());
  const service = await startService({ env: { MLFLOW_TRACKING_URI: `http://127.0.0.1:${toxiproxy.port}` } });
  expect((await get(`${service.url}/ready`)).body['status']).toBe('degraded');
  expect(service.output()).toMatch(/MLflow answers 404/);
});
