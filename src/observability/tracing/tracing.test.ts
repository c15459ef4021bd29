import { describe, expect, it, vi } from 'vitest';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { FinishedRequest } from '../../prediction/index.js';
import { ServiceError } from '../../shared/errors.js';
import { systemClock } from '../../shared/clock.js';
import { createTracing } from './create-tracing.js';
import { spansOf } from './request-spans.js';
import { SpanQueue } from './span-queue.js';
import { newTraceparent, outgoingTraceparent, traceContextOf } from '../../shared/trace-context.js';

const caller = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const finished = (parts: Partial<FinishedRequest>): FinishedRequest => ({
  requestId: 'r1',
  kind: 'single',
  modelId: 'm',
  modelVersion: '1',
  error: undefined,
  cacheHit: false,
  latencyMs: 10,
  stageMs: { parse: 1, features: 2, model: 6 },
  rows: [],
  clientId: null,
  traceparent: caller,
  receivedAtMs: 0,
  ...parts,
});
const resource = resourceFromAttributes({});

describe('the place of a span in its trace', () => {
  it("is below the caller's span, and the parent of calls that leave", () => {
    const request = { requestId: 'r1', traceparent: caller };
    const context = traceContextOf(request);
    expect(context).toMatchObject({ parentSpanId: '00f067aa0ba902b7', sampled: true });
    expect(outgoingTraceparent(request)).toBe(`00-${context?.traceId}-${context?.spanId}-01`);
    expect(outgoingTraceparent({ ...request, traceparent: caller.replace(/01$/, '00') })).toMatch(/-00$/);
  });

  it('is the first where the trace begins here, and nowhere without a trace', () => {
    const traceparent = newTraceparent();
    expect(traceparent).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
    expect(traceContextOf({ requestId: 'r', traceparent })?.parentSpanId).toBeUndefined();
    expect(outgoingTraceparent({ requestId: 'r', traceparent })).toBe(traceparent);
    expect(outgoingTraceparent({ requestId: 'r', traceparent: undefined })).toBeUndefined();
  });
});

describe('spans of a request', () => {
  it('are one and its stages, one after the other', () => {
    const spans = spansOf(finished({}), 1_000_000_010, resource);
    expect(spans.map(({ name, startTime, duration }) => [name, startTime[1], duration[1]])).toEqual([
      ['POST /v1/predict', 0, 10e6],
      ['inference.parse', 0, 1e6],
      ['inference.features', 1e6, 2e6],
      ['inference.model', 3e6, 6e6],
    ]);
    expect(new Set(spans.map((span) => span.spanContext().spanId)).size).toBe(4);
  });

  it('say whose fault an error is', () => {
    const statusOf = (code: 'INVALID_REQUEST' | 'INTERNAL_ERROR') =>
      spansOf(finished({ error: new ServiceError(code, 'x') }), 0, resource)[0]?.status.code;
    expect(statusOf('INVALID_REQUEST')).toBe(0);
    expect(statusOf('INTERNAL_ERROR')).toBe(2);
  });

  it('are none where the trace is not sampled', () => {
    expect(spansOf(finished({ traceparent: caller.replace(/01$/, '00') }), 0, resource)).toEqual([]);
    expect(spansOf(finished({ traceparent: undefined }), 0, resource)).toEqual([]);
  });
});

describe('SpanQueue', () => {
  const span = {} as ReadableSpan;
  const spans = (count: number) => Array.from({ length: count }, () => span);

  it('sends in batches, one at a time', async () => {
    const observer = { exported: vi.fn(), dropped: vi.fn() };
    const send = vi.fn((_spans: readonly ReadableSpan[]) => Promise.resolve());
    const queue = new SpanQueue({ export: send, observer, capacity: 10, batch: 4 });
    queue.add(spans(3));
    expect(send).not.toHaveBeenCalled();
    queue.add(spans(3));
    await queue.close(new Promise(() => undefined));
    expect(send.mock.calls.map(([batch]) => batch.length)).toEqual([4, 2]);
    expect(observer.exported.mock.calls).toEqual([[4], [2]]);
    queue.add(spans(1));
    expect(observer.dropped).toHaveBeenCalledWith('closed', 1);
  });

  it('drops what does not fit, what was refused, and what is left at the end', async () => {
    const observer = { exported: vi.fn(), dropped: vi.fn() };
    const cause = new Error('refused');
    let refuse = (): void => undefined;
    const send = () => new Promise<void>((_, reject) => (refuse = () => reject(cause)));
    const queue = new SpanQueue({ export: send, observer, capacity: 4, batch: 2 });
    queue.add(spans(2));
    queue.add(spans(4));
    queue.add(spans(1));
    expect(observer.dropped.mock.calls).toEqual([['queue_full', 1]]);
    refuse();
    await vi.waitFor(() => expect(observer.dropped).toHaveBeenCalledWith('failed', 2, cause));
    await queue.close(Promise.resolve());
    expect(observer.dropped).toHaveBeenLastCalledWith('closed', 2);
  });
});

describe('createTracing', () => {
  const parts = {
    version: '1',
    environment: 'test',
    clock: systemClock,
    observer: { exported: vi.fn(), dropped: vi.fn() },
  };

  it('is nothing without an endpoint', async () => {
    expect(await createTracing({ ...parts, options: { sample_ratio: 1 } })).toBeUndefined();
  });

  it('counts spans whose collector is out of reach', async () => {
    const options = { otlp_endpoint: 'http://127.0.0.1:1/v1/traces', sample_ratio: 1 };
    const tracing = await createTracing({ ...parts, options });
    const traceparent = tracing?.begin();
    tracing?.requestFinished(finished({ traceparent }));
    tracing?.requestFinished(finished({ traceparent: undefined }));
    await tracing?.close(20_000);
    expect(parts.observer.dropped.mock.calls[0]?.slice(0, 2)).toEqual(['failed', 4]);
  });
});
