import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { oneModel, oneRequest } from '../support/one-model.js';
import { eventually, get, post, startService, temporaryFolder, type Service } from '../support/service.js';

const preload = `--import=${pathToFileURL('test/support/preload/crash-on-signal.mjs').href}`;

const linesOf = (service: Service): Record<string, unknown>[] =>
  service
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A request whose body never ends. */
function hangingRequest(url: string): void {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write('POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{');
  onTestFinished(() => void socket.destroy());
}

describe('demand 34: SIGTERM while the sink is out of reach and requests hang', () => {
  it('ends within the grace with exit code 0, events in the journal, and a summary', async () => {
    const data = temporaryFolder('stopping');
    const service = await startService({
      data,
      args: oneModel,
      env: { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', INFERENCE_SERVICE__HTTP__SHUTDOWN_GRACE_SECONDS: '5' },
    });
    for (let i = 0; i < 20; i++) expect((await post(`${service.url}/v1/predict`, oneRequest)).status).toBe(200);
    for (let i = 0; i < 5; i++) hangingRequest(service.url);
    const begun = performance.now();
    expect(await service.stop()).toBe(0);
    expect(performance.now() - begun).toBeLessThan(15_000);
    const summary = linesOf(service).find(({ message }) => message === 'Stopped');
    expect(summary).toMatchObject({
      level: 'INFO',
      events: { offered: 20, delivered: 0, journaled: 20, dropped: 0, in_memory: 0 },
    });
    expect(Number(summary?.['milliseconds'])).toBeLessThan(5500);
    expect(existsSync(path.join(data, 'journal')) && readdirSync(path.join(data, 'journal')).length).toBeGreaterThan(0);
    // Without Kafka they stay where they are, and the service says so.
    const next = await startService({ data, args: oneModel });
    await eventually(() => next.output().includes('Events that Kafka did not take wait in the journal'));
    expect(linesOf(next).filter(({ bytes }) => Number(bytes) > 0)).toMatchObject([{ level: 'WARN', directories: 1 }]);
    expect(await next.stop()).toBe(0);
  });

  it('ends at once at the second signal', async () => {
    const service = await startService({
      args: oneModel,
      env: { INFERENCE_SERVICE__HTTP__DRAIN_DELAY_SECONDS: '300' },
    });
    service.process.kill('SIGTERM');
    await eventually(() => service.output().includes('"Stopping"'), 30_000);
    expect(await service.stop('SIGTERM')).toBe(1);
  });
});

describe('demand 20: what nobody caught', () => {
  it.each<[string, NodeJS.Signals, string]>([
    ['an exception', 'SIGUSR2', 'uncaught_exception'],
    ['a rejection', 'SIGHUP', 'unhandled_rejection'],
  ])('%s is logged once and counted; the service drains and ends with exit code 1', async (_what, signal, kind) => {
    const service = await startService({
      args: oneModel,
      env: { NODE_OPTIONS: preload, INFERENCE_SERVICE__HTTP__DRAIN_DELAY_SECONDS: '5' },
    });
    service.process.kill(signal);
    service.process.kill(signal);
    await eventually(() => service.output().includes('"Stopping"'), 30_000);
    // It still answers while the load balancer notices.
    expect((await get(`${service.url}/ready`)).body).toMatchObject({ status: 'draining' });
    expect((await post(`${service.url}/v1/predict`, oneRequest)).status).toBe(200);
    const metrics = String((await get(`${service.url}/metrics`)).body['text']);
    expect(metrics).toContain(`inference_crashes_total{kind="${kind}"}`);
    expect(await service.stop(0 as unknown as NodeJS.Signals)).toBe(1);
    const fatal = linesOf(service).filter(({ level }) => level === 'FATAL');
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).toMatchObject({ kind, err: { message: expect.stringMatching(/on demand$/) as string } });
  });
});

describe('demand 21: /health and /ready', () => {
  const told = async (service: Service) => {
    const [health, ready] = await Promise.all([get(`${service.url}/health`), get(`${service.url}/ready`)]);
    return { health: health.status, ready: ready.status, status: ready.body['status'], checks: ready.body['checks'] };
  };

  it('ready, then draining', async () => {
    const service = await startService({
      args: oneModel,
      env: { INFERENCE_SERVICE__HTTP__DRAIN_DELAY_SECONDS: '300' },
    });
    expect(await told(service)).toMatchObject({ health: 200, ready: 200, status: 'ready' });
    service.process.kill('SIGTERM');
    await eventually(async () => (await told(service)).status === 'draining', 30_000);
    expect(await told(service)).toMatchObject({ health: 200, ready: 503 });
    const reply = await post(`${service.url}/v1/predict`, oneRequest);
    expect([reply.status, reply.headers.get('connection')]).toEqual([200, 'close']);
  });

  it('not ready without a model', async () => {
    const models = temporaryFolder('no-models');
    const service = await startService({ args: ['--models', models] });
    expect(await told(service)).toMatchObject({ health: 200, ready: 503, status: 'not_ready' });
  });

  it('degraded, and still getting traffic, while what all instances share is out of reach', async () => {
    const service = await startService({
      args: oneModel,
      env: { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' },
    });
    await post(`${service.url}/v1/predict`, oneRequest);
    await eventually(async () => (await told(service)).status === 'degraded', 30_000);
    expect(await told(service)).toMatchObject({ health: 200, ready: 200 });
  });
});
