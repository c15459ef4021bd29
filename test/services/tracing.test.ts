import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually, get, post, startService } from '../support/service.js';

interface Span {
  readonly name: string;
  readonly kind: string;
  readonly status: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id: string;
  readonly start: number;
  readonly end: number;
  readonly attributes: Record<string, unknown>;
  readonly resource: Record<string, unknown>;
}

let receiver: TestServer;
beforeAll(async () => {
  receiver = await startServer('otlp');
});
afterAll(() => receiver.remove());

function received(traceId: string): Span[] {
  const lines = readFileSync(path.join(receiver.directory, 'log'), 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Span).filter((span) => span.trace_id === traceId);
}

const traceId = (digit: string): string => digit.repeat(32);
const request = { model_id: 'breast_cancer', features: {} };
const env = (port: number) => ({
  INFERENCE_SERVICE__TRACING__OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  INFERENCE_SERVICE__TRACING__SAMPLE_RATIO: '0',
});

describe('traces over OTLP', () => {
  it("join the caller's trace: one span a request, one below it a stage", async () => {
    const service = await startService({ env: env(receiver.port) });
    const { body } = await get(`${service.url}/v1/models/mortgage_denial`);
    const [version] = body['versions'] as { example: object }[];
    const id = traceId('a');
    const headers = { traceparent: `00-${id}-00f067aa0ba902b7-01`, 'x-request-id': 'traced' };
    expect((await post(`${service.url}/v1/predict`, version?.example, headers)).status).toBe(200);
    await eventually(() => received(id).length >= 4, 20_000);

    const spans = received(id);
    const root = spans.find(({ kind }) => kind === 'Server');
    expect(root).toMatchObject({
      name: 'POST /v1/predict',
      parent_span_id: '00f067aa0ba902b7',
      status: 'Unset',
      attributes: { 'inference.request_id': 'traced', 'inference.model.name': 'mortgage_denial', 'inference.rows': 1 },
      resource: { 'service.name': 'inference-service', 'deployment.environment.name': 'development' },
    });
    const stages = spans.filter((span) => span !== root);
    expect(stages.map(({ name }) => name)).toEqual(['inference.parse', 'inference.features', 'inference.model']);
    for (const stage of stages) {
      expect(stage.parent_span_id).toBe(root?.span_id);
      expect(stage.start).toBeGreaterThanOrEqual(root?.start ?? Infinity);
      expect(stage.end).toBeLessThanOrEqual((root?.end ?? 0) + 1);
    }
  });

  it("tell our faults from the caller's mistakes, and leave out what the caller does not sample", async () => {
    const service = await startService({ env: env(receiver.port) });
    const send = (digit: string, flags: string) =>
      post(`${service.url}/v1/predict`, request, { traceparent: `00-${traceId(digit)}-00f067aa0ba902b7-${flags}` });
    expect((await send('b', '00')).status).toBeGreaterThanOrEqual(400);
    expect((await send('c', '01')).status).toBeGreaterThanOrEqual(400);
    await eventually(() => received(traceId('c')).length > 0, 20_000);
    expect(received(traceId('c')).at(0)).toMatchObject({
      status: 'Unset',
      attributes: { 'error.type': expect.any(String) as string },
    });
    expect(received(traceId('b'))).toEqual([]);
  });

  it('begin here where the sample takes a request that belongs to none', async () => {
    const service = await startService({
      env: { ...env(receiver.port), INFERENCE_SERVICE__TRACING__SAMPLE_RATIO: '1' },
    });
    await post(`${service.url}/v1/predict`, request, { 'x-request-id': 'begun-here' });
    const lines = () => readFileSync(path.join(receiver.directory, 'log'), 'utf8').split('\n');
    await eventually(() => lines().some((line) => line.includes('begun-here')), 20_000);
    const root = JSON.parse(lines().find((line) => line.includes('begun-here')) ?? '') as Span;
    expect(root.parent_span_id).toBe('');
    expect(service.output()).toContain(`"trace_id":"${root.trace_id}"`);
  });

  it('a collector that is out of reach costs spans, which are counted, and nothing else', async () => {
    const service = await startService({
      env: { ...env(1), INFERENCE_SERVICE__TRACING__SAMPLE_RATIO: '1' },
    });
    for (let i = 0; i < 20; i++) {
      const { status } = await post(`${service.url}/v1/predict`, request);
      expect(status).toBeLessThan(500);
    }
    await eventually(async () => {
      const { body } = await get(`${service.url}/metrics`);
      return /inference_spans_dropped_total\{reason="failed"\} [1-9]/.test(String(body['text']));
    }, 30_000);
    expect(await service.stop()).toBe(0);
  });
});
