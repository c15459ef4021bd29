import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

const run = promisify(execFile);
type Answers = Record<string, unknown>;

let mlserver: TestServer;
let service: Service;
let grpcPort: string;
const noModels = temporaryFolder('models');

/** This service in front of MLServer: what its callers get has gone through the remote runtime, and through our own server. */
beforeAll(async () => {
  mlserver = await startServer('mlserver');
  service = await launchService({
    env: {
      INFERENCE_SERVICE__MODEL_SERVER__URL: `http://127.0.0.1:${mlserver.port}`,
      INFERENCE_SERVICE__MODELS__DIRECTORY: noModels,
      INFERENCE_SERVICE__HTTP__OPEN_INFERENCE: 'true',
      INFERENCE_SERVICE__GRPC__PORT: '0',
    },
  });
  await eventually(async () => (await get(`${service.url}/ready`)).body['status'] === 'ready', 60_000);
  grpcPort = /"port":(\d+)[^\n]*"gRPC listening"/.exec(service.output())?.[1] ?? '';
});

afterAll(async () => {
  await service.stop('SIGKILL');
  await mlserver.remove();
  rmSync(service.data, { recursive: true, force: true });
  rmSync(noModels, { recursive: true, force: true });
});

async function ask(kind: 'triton' | 'kserve', ports: readonly string[], ...rest: string[]): Promise<Answers> {
  const args = [kind, ...ports, 'iris', 'x', '4', 'predict', ...rest];
  const { stdout } = await run('test/services/clients/open-inference', args, { timeout: 900_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Answers;
}

const theirs = () => [String(mlserver.port), String(mlserver.port + 1)];
const ours = () => [new URL(service.url).port, grpcPort];

it.each(['triton', 'kserve'] as const)('the clients of %s get from us what they get from MLServer', async (kind) => {
  expect(await ask(kind, ours(), 'health')).toEqual(await ask(kind, theirs()));
});

it('tritonclient gets the same by binary tensors, which MLServer has not', async () => {
  const answers = await ask('triton', ours(), 'binary');
  expect(answers['http, binary']).toEqual(answers['http']);
});

it('a prediction by features is what MLServer answers, and an outage of it is told as one', async () => {
  const body = { model_id: 'iris', features: { x: [5.1, 3.5, 1.4, 0.2] } };
  expect((await post(`${service.url}/v1/predict`, body)).body).toMatchObject({ prediction: { predict: 0 } });
  await mlserver.signal('SIGSTOP');
  const hanging = await post(`${service.url}/v1/predict`, { ...body, options: { timeout_ms: 500 } });
  expect([hanging.status, hanging.body['error_code']]).toEqual([504, 'INFERENCE_TIMEOUT']);
  await mlserver.signal('SIGCONT');
  await eventually(async () => (await post(`${service.url}/v1/predict`, body)).status === 200, 60_000);
  await mlserver.stop();
  const down = await post(`${service.url}/v1/predict`, body);
  expect([down.status, down.body['error_code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);
  await mlserver.start();
  await eventually(async () => (await post(`${service.url}/v1/predict`, body)).status === 200, 120_000);
});
