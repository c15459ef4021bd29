import { describe, expect, it } from 'vitest';
import { eventsObserver } from './events-observer.js';
import { featuresObserver } from './features-observer.js';
import { httpObserver } from './http-observer.js';
import { createLogger } from './logger.js';
import { metricDefinitions } from './metric-definitions.js';
import { Metrics } from './metrics.js';
import { modelsObserver } from './models-observer.js';

function setUp() {
  const lines: string[] = [];
  const logger = createLogger('TRACE', { write: (line) => void lines.push(line) });
  const metrics = new Metrics();
  const series = async (name: string) =>
    (await metrics.snapshot()).find((metric) => metric.name === name)?.values ?? [];
  return { logger, metrics, series, logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('modelsObserver', () => {
  it('keeps one state a version, and logs a failure with its reason', async () => {
    const { logger, metrics, series, logged } = setUp();
    const observer = modelsObserver(metrics.instruments, logger);
    const name = { modelId: 'm', version: '1' };
    observer.versionStateChanged({ ...name, from: null, to: 'loading', milliseconds: 0 });
    observer.versionStateChanged({ ...name, from: 'loading', to: 'failed', reason: 'truncated', milliseconds: 5 });
    expect(await series('inference_model_state')).toMatchObject([{ value: 1, labels: { state: 'failed' } }]);
    expect(logged().at(-1)).toMatchObject({ level: 'ERROR', model_id: 'm', reason: 'truncated' });
    observer.versionStateChanged({ ...name, from: 'failed', to: 'gone', milliseconds: 5 });
    expect(await series('inference_model_state')).toEqual([]);
  });

  it('counts runs, drops and crashes', async () => {
    const { logger, metrics, series } = setUp();
    const observer = modelsObserver(metrics.instruments, logger);
    const name = { modelId: 'm', version: '1' };
    observer.batchRun({ ...name, rows: 7, microseconds: 50, waitedUs: 3, offLoop: false });
    observer.rowsDropped({ ...name, rows: 2, reason: 'queue_full' });
    observer.explanationWaited({ ...name, waitedUs: 2000 });
    observer.batchSplit({ ...name, rows: 2, error: new Error('poison') });
    observer.workerCrashed({ ...name, reason: 'gone', pending: 1, retryInMs: 100 });
    expect(await series('inference_rows_dropped_total')).toMatchObject([{ value: 2 }]);
    expect(await series('inference_model_worker_crashes_total')).toMatchObject([{ value: 1 }]);
    expect(await series('inference_batch_splits_total')).toMatchObject([{ value: 1 }]);
  });

  it('tells of everything else in the log', () => {
    const { logger, metrics, logged } = setUp();
    const observer = modelsObserver(metrics.instruments, logger);
    const name = { modelId: 'm', version: '1' };
    observer.folderIgnored({ folder: 'x', reason: 'no version' });
    observer.registryProblem({ problem: 'empty' });
    observer.aliasMoved({ modelId: 'm', alias: 'production', from: null, to: '1' });
    observer.goldenRowFailed({ ...name, index: 0, message: 'got 1' });
    observer.changedInPlace(name);
    observer.versionWarning({ ...name, message: 'odd' });
    observer.drainTimedOut({ ...name, leases: 1 });
    observer.workerStarted({ ...name, restarts: 0, milliseconds: 10 });
    expect(logged().map(({ level }) => level)).toEqual([
      'INFO',
      'WARN',
      'INFO',
      'ERROR',
      'WARN',
      'WARN',
      'WARN',
      'INFO',
    ]);
  });
});

describe('featuresObserver', () => {
  it('counts reads, trouble and sharing, and logs a store that fails without its values', async () => {
    const { logger, metrics, series, logged } = setUp();
    const observer = featuresObserver(metrics.instruments, logger);
    observer.cacheRead({ hits: 3, misses: 0 });
    observer.cacheRead({ hits: 0, misses: 2 });
    observer.cacheTrouble({ kind: 'poisoned' });
    observer.cacheTrouble({ kind: 'unreachable', cause: new Error('refused') });
    observer.cacheEvicted({ entries: 4 });
    observer.cacheCleared();
    observer.storeRead({ rows: 1, absent: 0, durationMs: 1 });
    observer.storeFailed({ cause: new Error('locked') });
    observer.storeShed();
    observer.singleFlightShared({ keys: 5 });
    observer.staleRead({ view: 'v' });
    expect(await series('inference_feature_cache_reads_total')).toMatchObject([
      { value: 3, labels: { result: 'hit' } },
      { value: 2, labels: { result: 'miss' } },
    ]);
    expect(await series('inference_feature_store_failures_total')).toMatchObject([
      { labels: { reason: 'failed' } },
      { labels: { reason: 'shed' } },
    ]);
    expect(await series('inference_feature_reads_shared_total')).toMatchObject([{ value: 5 }]);
    expect(logged().at(-1)).toMatchObject({ level: 'ERROR', cause: 'locked' });
  });
});

describe('eventsObserver', () => {
  it('counts losses by reason and logs them as errors', async () => {
    const { logger, metrics, series, logged } = setUp();
    const observer = eventsObserver(metrics.instruments, logger);
    observer.delivered(5, 10);
    observer.deliveryFailed('broker gone', 1);
    observer.sinkClientRenewed('hung');
    observer.dropped('journal_full', 1);
    observer.dropped('journal_full', 2);
    observer.journalTrouble('write', 'ENOSPC');
    observer.journalTrouble('cursor', 'ENOSPC');
    observer.journalRecovered();
    observer.replayed({ events: 0, tornTails: 0, damagedSegments: 0 });
    observer.replayed({ events: 2, tornTails: 1, damagedSegments: 0 });
    observer.journalWaits({ directories: 1, bytes: 300 });
    expect(await series('inference_events_lost_total')).toMatchObject([
      { value: 3, labels: { reason: 'journal_full' } },
    ]);
    expect(await series('inference_event_sink_renewals_total')).toMatchObject([{ value: 1 }]);
    expect(logged().map(({ level }) => level)).toEqual([
      ...['WARN', 'WARN', 'ERROR', 'ERROR', 'ERROR', 'INFO', 'INFO', 'WARN'],
    ]);
    expect(logged().at(-1)).toMatchObject({ directories: 1, bytes: 300 });
    expect(logged().map(({ message }) => message)).toContain(
      'How far events were delivered could not be noted; a restart may deliver some of them again',
    );
  });
});

describe('httpObserver', () => {
  const request = {
    requestId: 'r',
    route: '/v1/predict',
    method: 'POST',
    status: 401,
    error: undefined,
    durationMs: 1,
    clientId: null,
    traceparent: undefined,
    reachedPrediction: false,
    clientGone: false,
  };

  it('counts a refused prediction once, and leaves the others to the pipeline', async () => {
    const { logger, metrics, series, logged } = setUp();
    const observer = httpObserver(metrics.instruments, logger);
    observer.requestFinished(request);
    observer.requestFinished({ ...request, status: 200, reachedPrediction: true });
    expect(await series('http_requests_total')).toHaveLength(2);
    expect(await series('inference_requests_total')).toMatchObject([{ value: 1, labels: { model_id: '_unresolved' } }]);
    expect(logged()).toHaveLength(1);
  });

  it('counts what was no request', async () => {
    const { logger, metrics, series } = setUp();
    const observer = httpObserver(metrics.instruments, logger);
    observer.protocolError('malformed');
    observer.connectionRefused();
    observer.certificateReloaded();
    observer.certificateRefused('no key');
    expect(await series('http_protocol_errors_total')).toMatchObject([{ value: 1, labels: { reason: 'malformed' } }]);
    expect(await series('http_connections_refused_total')).toMatchObject([{ value: 1 }]);
  });
});

describe('metric definitions', () => {
  it('keep the naming rules of Prometheus', () => {
    for (const { name, type, help } of Object.values(metricDefinitions)) {
      expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(help).toMatch(/^\S.*\.$/);
    }
  });
});
