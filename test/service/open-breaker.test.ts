import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeModelServer, json } from '../support/fake-model-server.js';
import { eventually, launchService, post, temporaryFolder, type Service } from '../support/service.js';

const RECOVERY_SECONDS = 60;
/** The breaker spreads its open time by a tenth, so that instances do not come back together. */
const MOST_SECONDS = Math.ceil(RECOVERY_SECONDS * 1.1);

const half = { model_id: 'half', features: { x: 2 } };
const models = temporaryFolder('models');
let remote: FakeModelServer;
let service: Service;

beforeAll(async () => {
  remote = await FakeModelServer.start();
  service = await launchService({
    args: ['--models', models],
    env: {
      INFERENCE_SERVICE__MODEL_SERVER__URL: remote.url,
      INFERENCE_SERVICE__MODEL_SERVER__CIRCUIT_BREAKER__RECOVERY_TIMEOUT_SECONDS: String(RECOVERY_SECONDS),
    },
  });
  await eventually(async () => (await ask()).status === 200, 60_000);
}, 120_000);
afterAll(async () => {
  await service?.stop('SIGKILL');
  await remote.stop();
  rmSync(models, { recursive: true });
  rmSync(service.data, { recursive: true });
});

const ask = () => post(`${service.url}/v1/predict`, half);

describe('demand 12: while the breaker is open', () => {
  it('the answer is 503 at once, with the rest of the open time, and the model server gets no call', async () => {
    remote.infer = ({ response }) => json(response, { error: 'no' }, 503);
    const isOpen = async () => String((await ask()).body['message']).includes('has failed too often');
    await eventually(isOpen, 30_000);
    const openedAt = performance.now();
    const calls = remote.inferCalls;
    remote.infer = undefined;

    const times: number[] = [];
    const waits: number[] = [];
    for (let i = 0; i < 200; i++) {
      const begun = performance.now();
      const { status, body, headers } = await ask();
      times.push(performance.now() - begun);
      expect([status, body['error_code']]).toEqual([503, 'SERVICE_UNAVAILABLE']);
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
      waits.push(Number(headers.get('retry-after')));
    }
    const passed = (performance.now() - openedAt) / 1000;
    expect(remote.inferCalls).toBe(calls);
    // 5 ms is the demand, measured at the caller; the quickest of them shows that nothing is waited for on a machine with other work.
    expect(Math.min(...times)).toBeLessThan(5);
    expect(waits).toEqual(waits.toSorted((a, b) => b - a));
    expect(waits[0]).toBeLessThanOrEqual(MOST_SECONDS);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(Math.floor(RECOVERY_SECONDS - passed) - 1);
  });
});
