import { rmSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { makeKey } from '../support/program.js';
import { eventually, get, post, startService, temporaryFolder } from '../support/service.js';

const models = { INFERENCE_SERVICE__MODELS__DIRECTORY: 'examples/models' };
const features = {
  INFERENCE_SERVICE__FEATURES__FILE: 'examples/features.yaml',
  INFERENCE_SERVICE__FEATURES__SEED_DIRECTORY: 'examples/features',
};
const served = { ...models, ...features, INFERENCE_SERVICE__HTTP__OPEN_INFERENCE: 'true' };

const pixels = { name: 'x', datatype: 'FP32', shape: [2, 64], data: Array.from({ length: 128 }, (_, at) => at % 16) };

it('answers the Open Inference Protocol, its tensors those of the graph', async () => {
  const { url } = await startService({ env: served });
  expect((await get(`${url}/v2`)).body).toMatchObject({
    extensions: expect.arrayContaining(['binary_tensor_data']) as unknown,
  });
  expect((await get(`${url}/v2/health/live`)).body).toEqual({ live: true });
  expect((await get(`${url}/v2/health/ready`)).body).toEqual({ ready: true });
  const index = await post(`${url}/v2/repository/index`, {});
  expect(index.body).toContainEqual({
    name: 'digits',
    version: expect.any(String) as string,
    state: 'READY',
    reason: '',
  });
  const { body: metadata } = await get(`${url}/v2/models/digits`);
  const [input] = metadata['inputs'] as { name: string; datatype: string; shape: number[] }[];
  const rows = { ...pixels, ...input, shape: [2, ...(input?.shape.slice(1) ?? [])] };
  const answer = await post(`${url}/v2/models/digits/infer`, { id: 'r1', model_name: 'digits', inputs: [rows] });
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ model_name: 'digits', id: 'r1' });
  const outputs = answer.body['outputs'] as { shape: number[] }[];
  expect(outputs.every(({ shape }) => shape[0] === 2)).toBe(true);
  const unknown = await post(`${url}/v2/models/nope/infer`, { inputs: [rows] });
  expect([unknown.status, unknown.body['error']]).toEqual([404, "Model 'nope' not found"]);
  const wrong = await post(`${url}/v2/models/digits/infer`, { inputs: [{ ...rows, shape: [2, 3] }] });
  expect([wrong.status, typeof wrong.body['error']]).toEqual([400, 'string']);
});

it('loads and unloads by request in every worker, and over a restart', async () => {
  const data = temporaryFolder('data');
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  const env = {
    ...served,
    INFERENCE_SERVICE__AUTH__MODE: 'required',
    INFERENCE_SERVICE__MODELS__ALLOW_CONTROL: 'true',
    INFERENCE_SERVICE__WORKERS: '2',
  };
  const { secret: admin } = await makeKey(data, '--scope', 'admin');
  const { secret: reader } = await makeKey(data, '--scope', 'models:read');
  const service = await startService({ env, data });
  const control = (action: string, key = admin) =>
    post(`${service.url}/v2/repository/models/digits/${action}`, {}, { 'x-api-key': key });
  /** Each call is a connection of its own, so that both workers are asked. */
  const statuses = async (url: string) => {
    const headers = { 'x-api-key': reader, connection: 'close' };
    const replies = Array.from({ length: 12 }, () => fetch(`${url}/v2/models/digits`, { headers }));
    return [...new Set((await Promise.all(replies)).map(({ status }) => status))];
  };
  expect((await get(`${service.url}/v2`)).body['extensions']).toContain('model_repository');
  expect((await control('unload', reader)).status).toBe(403);
  expect((await control('unload')).status).toBe(200);
  await eventually(async () => JSON.stringify(await statuses(service.url)) === '[404]', 30_000);
  await service.stop();
  const again = await startService({ env, data });
  expect(await statuses(again.url)).toEqual([404]);
  const load = await post(`${again.url}/v2/repository/models/digits/load`, {}, { 'x-api-key': admin });
  expect([load.status, load.body]).toEqual([200, {}]);
  await eventually(async () => JSON.stringify(await statuses(again.url)) === '[200]', 30_000);
});

it('is off by default', async () => {
  const { url } = await startService({ env: { ...models, ...features } });
  expect((await get(`${url}/v2/health/live`)).status).toBe(404);
});

it('serves another service by the remote runtime: both give the same predictions', async () => {
  const server = await startService({ env: served });
  const empty = temporaryFolder('models');
  const env = {
    INFERENCE_SERVICE__MODEL_SERVER__URL: server.url,
    INFERENCE_SERVICE__MODELS__DIRECTORY: empty,
    INFERENCE_SERVICE__MODEL_SERVER__CIRCUIT_BREAKER__RECOVERY_TIMEOUT_SECONDS: '30',
  };
  const { url } = await startService({ env });
  await eventually(async () => (await get(`${url}/ready`)).body['status'] === 'ready', 30_000);
  const { body: listed } = await get(`${url}/v1/models/digits`);
  const [version] = listed['versions'] as { runtime: unknown; example: object }[];
  expect(version?.runtime).toEqual({ runtime: 'open-inference', executor: 'remote' });
  const remote = await post(`${url}/v1/predict`, version?.example);
  expect(remote.status).toBe(200);

  await server.stop('SIGKILL');
  const statuses: number[] = [];
  for (let call = 0; call < 8; call++) statuses.push((await post(`${url}/v1/predict`, version?.example)).status);
  expect(new Set(statuses)).toEqual(new Set([503]));
  const refused = await post(`${url}/v1/predict`, version?.example);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
  expect((await get(`${url}/ready`)).body).toMatchObject({ checks: { model_server: 'degraded' } });
});
