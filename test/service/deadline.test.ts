import { cpSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeModelServer } from '../support/fake-model-server.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

const half = { model_id: 'half', features: { x: 2 } };
const row = JSON.parse(readFileSync('bench/rows/rows.jsonl', 'utf8').split('\n')[0]!) as { features: object };
const slow = { model_id: 'slow_fifty_ms', features: row.features };

let remote: FakeModelServer;
let service: Service;
const models = temporaryFolder('models');

beforeAll(async () => {
  remote = await FakeModelServer.start();
  cpSync('bench/models/slow_fifty_ms', path.join(models, 'slow_fifty_ms'), { recursive: true });
  service = await launchService({
    args: ['--models', models],
    env: {
      INFERENCE_SERVICE__MODEL_SERVER__URL: remote.url,
      INFERENCE_SERVICE__MODEL_SERVER__TIMEOUT_MS: '20000',
      INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '600000',
    },
  });
  await eventually(async () => (await ask(half)).status === 200, 60_000);
  await eventually(async () => (await ask(slow)).status === 200, 60_000);
}, 180_000);
afterAll(async () => {
  await service.stop('SIGKILL');
  await remote.stop();
  rmSync(models, { recursive: true });
  rmSync(service.data, { recursive: true });
});
beforeEach(() => (remote.infer = undefined));

const ask = (body: object, headers: Record<string, string> = {}) => post(`${service.url}/v1/predict`, body, headers);

async function metric(series: string): Promise<number> {
  const { text } = (await get(`${service.url}/metrics`)).body as { text: string };
  const lines = text.split('\n').filter((line) => line.startsWith(series));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
const inFlight = () => metric('inference_in_flight ');

/** Calls that never get an answer: how many the model server has, and how many of them were given up by the service. */
function hang() {
  const calls = { open: 0, givenUp: 0 };
  remote.infer = ({ response }) => {
    calls.open++;
    response.once('close', () => calls.givenUp++);
  };
  return calls;
}

describe('demand 16: the time that a caller allows', () => {
  it.each<[string, object, Record<string, string>, number]>([
    ['a header', {}, { 'x-request-timeout-ms': '7000' }, 7000],
    ['an option', { options: { timeout_ms: 6000 } }, {}, 6000],
    ['the smaller of both', { options: { timeout_ms: 9000 } }, { 'x-request-timeout-ms': '8000' }, 8000],
    ['nothing: the default', {}, {}, 5000],
  ])('reaches the model server: %s', async (_what, rest, headers, budgetMs) => {
    let told = 0;
    remote.infer = ({ body, response }) => {
      told = (JSON.parse(body.toString()) as { parameters: { timeout: number } }).parameters.timeout / 1000;
      response.writeHead(400).end('{"error":"seen"}');
    };
    await ask({ ...half, ...rest }, headers);
    expect(told).toBeLessThanOrEqual(budgetMs);
    expect(told).toBeGreaterThan(budgetMs * 0.6);
  });

  it('ends the call to a model server that hangs, and gives its place back', async () => {
    const calls = hang();
    const begun = performance.now();
    const reply = await ask(half, { 'x-request-timeout-ms': '400' });
    expect([reply.status, reply.body['error_code']]).toEqual([504, 'INFERENCE_TIMEOUT']);
    expect(performance.now() - begun).toBeLessThan(4000);
    await eventually(() => calls.open === 1 && calls.givenUp === 1, 5000);
    await eventually(async () => (await inFlight()) === 0, 5000);
  });

  it('is over on arrival: nothing is started', async () => {
    const before = remote.inferCalls;
    const body = JSON.stringify(half);
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
    socket.write(
      `POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-request-timeout-ms: 100\r\n` +
        `content-length: ${body.length}\r\n\r\n`,
    );
    // The budget counts from the headers: it is used up before the body is there.
    await sleep(700);
    socket.write(body);
    expect(await answer).toMatch(/^HTTP\/1\.1 504 [^]*INFERENCE_TIMEOUT/);
    socket.destroy();
    expect(remote.inferCalls).toBe(before);
  });
});

describe('demand 16: a caller that closes its connection', () => {
  it('ends the call to the model server, and gives its place back', async () => {
    const calls = hang();
    const caller = new AbortController();
    const reply = fetch(`${service.url}/v1/predict`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json', 'x-request-timeout-ms': '20000' } },
      ...{ body: JSON.stringify(half), signal: caller.signal },
    }).catch(() => 'gone');
    await eventually(() => calls.open === 1, 10_000);
    expect([calls.givenUp, await inFlight()]).toEqual([0, 1]);
    caller.abort();
    expect(await reply).toBe('gone');
    // 50 ms is the demand; the call itself might have taken 20 s.
    await eventually(() => calls.givenUp === 1, 3000);
    await eventually(async () => (await inFlight()) === 0, 3000);
  });

  it('takes its row out of the queue of a slow model, and those who stay are answered', async () => {
    const dropped = () => metric('inference_rows_dropped_total{model_id="slow_fifty_ms",reason="cancelled"}');
    const before = await dropped();
    const caller = new AbortController();
    const leaving = Array.from({ length: 60 }, () =>
      fetch(`${service.url}/v1/predict`, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json', 'x-request-timeout-ms': '30000' } },
        ...{ body: JSON.stringify(slow), signal: caller.signal },
      }).catch(() => undefined),
    );
    await eventually(async () => (await inFlight()) >= 20, 20_000);
    const staying = ask(slow, { 'x-request-timeout-ms': '30000' });
    caller.abort();
    await Promise.all(leaving);
    expect((await staying).status).toBe(200);
    await eventually(async () => (await inFlight()) === 0, 5000);
    expect((await dropped()) - before).toBeGreaterThan(5);
  });
});
