import { describe, expect, it } from 'vitest';
import type { FinishedRequest } from '../prediction/index.js';
import { ServiceError } from '../shared/errors.js';
import { createLogger, type LogLevel } from './logger.js';
import { Metrics } from './metrics.js';
import { PredictionMetrics } from './prediction-observer.js';

const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function setUp(level: LogLevel = 'INFO') {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line), flushSync: () => undefined };
  const metrics = new Metrics();
  const observer = new PredictionMetrics(metrics.instruments, createLogger(level, destination), destination);
  const value = async (name: string) => (await metrics.snapshot()).find((metric) => metric.name === name)?.values ?? [];
  return { observer, value, logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

function finished(rest: Partial<FinishedRequest> = {}): FinishedRequest {
  return {
    requestId: 'r-1',
    kind: 'single',
    modelId: 'm',
    modelVersion: '1.0.0',
    error: undefined,
    cacheHit: true,
    latencyMs: 45.2,
    stageMs: { parse: 1, model: 2 },
    rows: [
      {
        errorCode: undefined,
        origins: { request: 1, cache: 1, store: 0, default: 0 },
        ages: [undefined, 60],
        warnings: 1,
      },
    ],
    clientId: 'team "a"',
    traceparent: trace,
    receivedAtMs: 0,
    ...rest,
  };
}

describe('PredictionMetrics', () => {
  it('writes the line of the specification', () => {
    const { observer, logged } = setUp();
    observer.requestFinished(finished());
    expect(logged()).toEqual([
      {
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        level: 'INFO',
        message: 'Prediction completed successfully',
        request_id: 'r-1',
        model_id: 'm',
        model_version: '1.0.0',
        latency_ms: 45.2,
        cache_hit: true,
        client_id: 'team "a"',
        trace_id: '0af7651916cd43dd8448eb211c80319c',
      },
    ]);
  });

  it('counts with the labels of the specification', async () => {
    const { observer, value } = setUp();
    observer.requestFinished(finished());
    expect(await value('inference_requests_total')).toMatchObject([
      { value: 1, labels: { model_id: 'm', status: 'success', cache_hit: 'true' } },
    ]);
    expect(await value('inference_feature_values_total')).toMatchObject([
      { value: 1, labels: { origin: 'request' } },
      { value: 1, labels: { origin: 'cache' } },
    ]);
    expect(await value('inference_warnings_total')).toMatchObject([{ value: 1 }]);
  });

  it('never makes a label of what a caller named', async () => {
    const { observer, value } = setUp();
    const error = new ServiceError('MODEL_NOT_FOUND', "Model 'x' not found");
    observer.requestFinished(finished({ modelId: null, modelVersion: null, error, rows: [] }));
    expect(await value('inference_requests_total')).toMatchObject([
      { labels: { model_id: '_unresolved', status: 'error' } },
    ]);
    expect(await value('inference_errors_total')).toMatchObject([{ labels: { error_code: 'MODEL_NOT_FOUND' } }]);
    expect(await value('inference_predictions_total')).toMatchObject([
      { value: 0, labels: { status: 'success' } },
      { value: 1, labels: { status: 'error' } },
    ]);
  });

  it('counts the rows of a batch by what became of each', async () => {
    const { observer, value, logged } = setUp();
    const bad = {
      errorCode: 'FEATURE_VALIDATION_FAILED',
      origins: { request: 0, cache: 0, store: 0, default: 0 },
      ages: [],
      warnings: 0,
    } as const;
    observer.requestFinished(finished({ kind: 'batch', rows: [...finished().rows, bad, bad] }));
    expect(await value('inference_predictions_total')).toMatchObject([
      { value: 1, labels: { status: 'success' } },
      { value: 2, labels: { status: 'error' } },
    ]);
    expect(logged()[0]).toMatchObject({ rows: 3 });
  });

  it('logs our own faults as errors with their cause, refusals for want of time as warnings, the rest as information', () => {
    const { observer, logged } = setUp();
    const codes = ['INTERNAL_ERROR', 'INFERENCE_TIMEOUT', 'INVALID_REQUEST'] as const;
    for (const code of codes)
      observer.requestFinished(finished({ error: new ServiceError(code, 'x', { cause: new Error('why') }) }));
    expect(logged().map(({ level, error_code }) => [level, error_code])).toEqual([
      ['ERROR', 'INTERNAL_ERROR'],
      ['WARN', 'INFERENCE_TIMEOUT'],
      ['INFO', 'INVALID_REQUEST'],
    ]);
    expect(logged()[0]).toMatchObject({ err: { message: 'why' } });
  });

  it('writes nothing for a success above INFO', () => {
    const { observer, logged } = setUp('ERROR');
    observer.requestFinished(finished());
    expect(logged()).toEqual([]);
  });
});
