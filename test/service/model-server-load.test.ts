import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeModelServer, json, type Infer } from '../support/fake-model-server.js';
import { eventually, get, launchService, post, temporaryFolder, type Service } from '../support/service.js';

const SECONDS = 6;
const CALLERS = 8;
/** Between two calls of a caller: an open breaker answers so fast that they would do nothing but ask. */
const PAUSE_MS = 5;

const half = { model_id: 'half', features: { x: 2 } };
const models = temporaryFolder('models');
let remote: FakeModelServer;
let gate: Gate;
let service: Service;

/** Stands before the model server and may refuse: connections that come then are counted and reset before a byte is read. */
class Gate {
  refusing = false;
  refused = 0;
  readonly #open = new Set<Socket>();
  readonly #server;

  constructor(upstreamPort: number) {
    this.#server = createServer((socket) => {
      socket.on('error', () => undefined);
      if (this.refusing) {
        this.refused++;
        return void socket.resetAndDestroy();
      }
      const upstream = connect(upstreamPort, '127.0.0.1');
      upstream.on('error', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
      for (const each of [socket, upstream]) {
        this.#open.add(each);
        each.on('close', () => this.#open.delete(each));
      }
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  refuse(): void {
    this.refusing = true;
    for (const socket of this.#open) socket.destroy();
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }
}

beforeAll(async () => {
  remote = await FakeModelServer.start();
  gate = new Gate(Number(new URL(remote.url).port));
  const version = path.join(models, 'half', '1');
  mkdirSync(version, { recursive: true });
  const url = `http://127.0.0.1:${await gate.listen()}`;
  writeFileSync(path.join(version, 'model.yaml'), `runtime: open-inference\nurl: ${url}\n`);
  service = await launchService({
    args: ['--models', models],
    env: {
      INFERENCE_SERVICE__MODEL_SERVER__TIMEOUT_MS: '1000',
      // So short that many calls are tried while it fails.
      INFERENCE_SERVICE__MODEL_SERVER__CIRCUIT_BREAKER__RECOVERY_TIMEOUT_SECONDS: '0.1',
      INFERENCE_SERVICE__MODEL_SERVER__CIRCUIT_BREAKER__FAILURE_THRESHOLD: '1',
      INFERENCE_SERVICE__HTTP__MAX_QUEUE_MS: '60000',
    },
  });
  await eventually(async () => (await post(`${service.url}/v1/predict`, half)).status === 200, 60_000);
}, 120_000);
afterAll(async () => {
  await service.stop('SIGKILL');
  gate.close();
  await remote.stop();
  rmSync(models, { recursive: true });
  rmSync(service.data, { recursive: true });
});
beforeEach(async () => {
  remote.infer = undefined;
  gate.refusing = false;
  await eventually(async () => (await post(`${service.url}/v1/predict`, half)).status === 200, 30_000);
  remote.inferCalls = 0;
  gate.refused = 0;
});

/** Calls for which the breaker gave leave, however often each was tried. */
async function callsLetThrough(): Promise<number> {
  const { text } = (await get(`${service.url}/metrics`)).body as { text: string };
  return text
    .split('\n')
    .filter((line) => /^inference_model_server_calls_total\{/.test(line) && !line.includes('result="refused"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** What callers got in a few seconds, and how long the slowest waited. */
async function load() {
  const statuses: number[] = [];
  let slowestMs = 0;
  const end = performance.now() + SECONDS * 1000;
  const caller = async () => {
    while (performance.now() < end) {
      const begun = performance.now();
      statuses.push((await post(`${service.url}/v1/predict`, half)).status);
      slowestMs = Math.max(slowestMs, performance.now() - begun);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return { offered: statuses.length, statuses: [...new Set(statuses)], slowestMs };
}

describe('demand 33: a model server that fails every call, under load', () => {
  it.each<[string, Infer, number]>([
    ['answers 503', ({ response }) => json(response, { error: 'no' }, 503), 503],
    ['answers 500', ({ response }) => json(response, { error: 'no' }, 500), 500],
    ['resets', ({ response }) => void response.socket?.resetAndDestroy(), 503],
  ])('that %s gets no more calls than are offered', async (_what, infer, status) => {
    remote.infer = infer;
    const { offered, statuses, slowestMs } = await load();
    expect(statuses.filter((each) => each !== status && each !== 503)).toEqual([]);
    expect(remote.inferCalls).toBeGreaterThan(0);
    expect(remote.inferCalls).toBeLessThanOrEqual(offered * 1.2);
    // Nobody waits for a retry.
    expect(slowestMs).toBeLessThan(5000);
  });

  it('that resets every connection: a call that may have been sent is not tried again', async () => {
    const before = await callsLetThrough();
    gate.refuse();
    const { offered, statuses, slowestMs } = await load();
    const calls = (await callsLetThrough()) - before;
    expect(statuses).toEqual([503]);
    expect(gate.refused).toBeGreaterThan(0);
    expect(gate.refused).toBeLessThanOrEqual(offered * 1.2);
    // The breaker alone would see to that: of the calls that it lets through too, few may be tried twice.
    expect(gate.refused).toBeLessThanOrEqual(Math.ceil(calls * 1.2));
    expect(slowestMs).toBeLessThan(5000);
  });
});
