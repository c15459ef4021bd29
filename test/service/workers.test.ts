import { Agent, request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { makeKey, runProgram, type MadeKey } from '../support/program.js';
import { eventually, get, launchService, temporaryFolder, type Service } from '../support/service.js';

let service: Service;
let unlimited: MadeKey;
let limited: MadeKey;

beforeAll(async () => {
  const data = temporaryFolder('workers');
  unlimited = await makeKey(data, '--requests-per-minute', 'unlimited');
  limited = await makeKey(data);
  service = await launchService({
    data,
    args: [...oneModel, '--workers', '4'],
    env: {
      INFERENCE_SERVICE__AUTH__MODE: 'required',
      INFERENCE_SERVICE__RATE_LIMIT__ENABLED: 'true',
      INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '10000',
    },
  });
}, 300_000);
afterAll(() => service.stop('SIGKILL'));

/** On a connection of its own: the connections spread over the workers. */
function predict(key: MadeKey): Promise<{ status: number; retryAfter: string | undefined }> {
  const headers = { 'content-type': 'application/json', 'x-api-key': key.secret };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${service.url}/v1/predict`,
      { method: 'POST', headers, agent: new Agent() },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] }));
      },
    );
    request.on('error', reject);
    request.end(JSON.stringify(oneRequest));
  });
}

const metrics = async (): Promise<string> => String((await get(`${service.url}/metrics`)).body['text']);
const valueOf = (text: string, series: string): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(series))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);

const workers = (): number[] =>
  [...service.output().matchAll(/"worker":\d+,"pid":(\d+),"message":"A worker serves"/g)].map((found) =>
    Number(found[1]),
  );

describe('four workers', () => {
  it('have one /metrics, whoever answers it', async () => {
    for (let i = 0; i < 40; i++) expect((await predict(unlimited)).status).toBe(200);
    const text = await metrics();
    expect(valueOf(text, 'inference_requests_total')).toBe(40);
    expect(valueOf(text, 'inference_authentications_total')).toBe(40);
    const accounts = ['delivered_total', 'dropped_total', 'journaled', 'in_memory'].map((name) =>
      valueOf(text, `inference_events_${name} `),
    );
    expect(accounts.reduce((a, b) => a + b)).toBe(valueOf(text, 'inference_events_offered_total'));
  });

  it('demand 13: let exactly the limit through in a window, over all of them', async () => {
    const begun = performance.now();
    const answers = [];
    for (let round = 0; round < 30; round++) {
      answers.push(...(await Promise.all(Array.from({ length: 10 }, () => predict(limited)))));
    }
    const passed = answers.filter(({ status }) => status === 200).length;
    const refused = answers.filter(({ status }) => status === 429);
    // A slow machine may need more than one window.
    const windows = Math.ceil((performance.now() - begun) / 60_000);
    expect(passed + refused.length).toBe(300);
    // Where the primary could not answer within its 20 ms, as the machine was taken away, workers held their share: that is stated and
    // counted, and the total may then reach twice the limit.
    const degraded = valueOf(await metrics(), 'inference_rate_limit_degraded_total') > 0;
    if (!degraded) expect(passed).toBeGreaterThanOrEqual(100);
    expect(passed).toBeLessThanOrEqual(100 * windows * (degraded ? 2 : 1));
    for (const { retryAfter } of refused) expect(Number(retryAfter)).toBeGreaterThan(0);
  });

  it('lose no caller when one dies, and get another in its place', async () => {
    const before = workers();
    expect(before).toHaveLength(4);
    process.kill(before[0] ?? 0, 'SIGKILL');
    await eventually(() => workers().length === 5, 60_000);
    for (let i = 0; i < 20; i++) expect((await predict(unlimited)).status).toBe(200);
    expect(valueOf(await metrics(), 'inference_worker_deaths_total')).toBe(1);
  });

  it('demand 28: all refuse a revoked key within 30 s', async () => {
    const key = await makeKey(service.data, '--requests-per-minute', 'unlimited');
    await eventually(async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => predict(key)));
      return answers.every(({ status }) => status === 200);
    }, 60_000);
    await runProgram('keys', 'revoke', key.id, '--data', service.data);
    const revoked = performance.now();
    await eventually(async () => {
      const answers = await Promise.all(Array.from({ length: 16 }, () => predict(key)));
      return answers.every(({ status }) => status === 401 || status === 429);
    }, 60_000);
    expect(performance.now() - revoked).toBeLessThan(35_000);
    expect((await predict(unlimited)).status).toBe(200);
  });

  it('end together', async () => {
    expect(await service.stop()).toBe(0);
    expect(service.output().match(/"message":"Stopped"/g)).toHaveLength(4);
  });
});
