import { describe, expect, it } from 'vitest';
import {
  anyone,
  FakeCatalogue,
  FakeFeatures,
  fakeVersion,
  fakeView,
  feature,
  halfPlusTwo,
  RecordingEvents,
  RecordingPredictions,
  type Predict,
} from '../../test/support/fakes.js';
import { EntityKeyError, type FeatureView, type ViewRead } from '../features/index.js';
import type { FeatureSpec } from '../models/index.js';
import { ManualClock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { PredictionPipeline } from './pipeline.js';
import type { CallContext } from './types.js';

interface Setting {
  readonly features?: readonly FeatureSpec[];
  readonly predict?: Predict;
  readonly views?: readonly FeatureView[];
  readonly stored?: (view: FeatureView, key: string | number) => ViewRead;
}

function setUp({ features = [feature('x')], predict = halfPlusTwo, views = [], stored }: Setting = {}) {
  const clock = new ManualClock();
  const catalogue = new FakeCatalogue(fakeVersion(features, predict));
  const store = new FakeFeatures(views, stored);
  const events = new RecordingEvents();
  const observer = new RecordingPredictions();
  let ids = 0;
  const pipeline = new PredictionPipeline({
    catalogue,
    features: store,
    events,
    observer,
    clock,
    limits: { maxTimeoutMs: 30_000, maxBatchInstances: 10, defaultTimeoutMs: 5000 },
    newId: () => `event-${ids++}`,
  });
  const call: CallContext = { requestId: 'r-1', arrivedAt: 0, principal: anyone, timeoutMs: undefined };
  const send = (body: object, rest: Partial<CallContext> = {}) =>
    pipeline.predict(Buffer.from(JSON.stringify({ model_id: 'half_plus_two', ...body })), { ...call, ...rest });
  const sendBatch = (instances: object[], rest: Partial<CallContext> = {}) =>
    pipeline.predictBatch(Buffer.from(JSON.stringify({ model_id: 'half_plus_two', instances })), { ...call, ...rest });
  return { clock, catalogue, store, events, observer, pipeline, send, sendBatch };
}

const storedScore = feature('credit_score', {
  type: 'integer',
  max: 10,
  from: { view: 'applicant_profile', feature: 'credit_score' },
});
const row = (rest: Partial<ViewRead & { state: 'row' }> = {}): ViewRead => ({
  state: 'row',
  origin: 'store',
  values: [6, 1],
  ageSeconds: 5,
  stale: false,
  ...rest,
});
const applicant = { features: { x: 2 }, entities: { applicant_id: 'A-17' } };

async function errorOf(promise: Promise<unknown>): Promise<ServiceError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  return expect.unreachable('the call should have failed');
}

describe('a single prediction', () => {
  it('answers in the form of the specification and leaves one event', async () => {
    const { send, events, observer, catalogue } = setUp();
    expect(await send({ features: { x: 2 } })).toEqual({
      request_id: 'r-1',
      model_id: 'half_plus_two',
      model_version: '1.0.0',
      prediction: { value: 3 },
      confidence: null,
      latency_ms: 0,
      timestamp: '2026-01-01T00:00:00.000Z',
      cached: false,
    });
    expect(events.records).toMatchObject([
      {
        eventId: 'event-0',
        requestId: 'r-1',
        modelId: 'half_plus_two',
        modelVersion: '1.0.0',
        status: 'success',
        features: [{ name: 'x', value: 2, origin: 'request', pii: false }],
        prediction: { value: 3 },
      },
    ]);
    expect(observer.finished).toMatchObject([{ kind: 'single', modelId: 'half_plus_two', error: undefined }]);
    expect(catalogue.released).toBe(1);
  });

  it('lists every feature problem at once and suggests the name that was meant', async () => {
    const { send, events } = setUp({ features: [feature('age'), feature('income')] });
    const error = await errorOf(send({ features: { aeg: 1, income: 'much' } }));
    expect(error.code).toBe('FEATURE_VALIDATION_FAILED');
    expect(error.details.errors).toEqual([
      { path: '/features/aeg', problem: 'unknown_feature', did_you_mean: 'age' },
      { path: '/features/income', problem: 'wrong_type', expected: 'number', received_type: 'string' },
      { path: '/features/age', problem: 'missing', expected: 'number' },
    ]);
    expect(events.records).toMatchObject([{ status: 'error', errorCode: 'FEATURE_VALIDATION_FAILED', features: [] }]);
  });

  it('is not fooled by names that objects inherit', async () => {
    const { send } = setUp({ features: [feature('constructor')] });
    expect((await errorOf(send({ features: {} }))).details.errors).toMatchObject([{ problem: 'missing' }]);
    expect((await send({ features: { constructor: 4 } })).prediction).toEqual({ value: 4 });
  });

  it('leaves an event for a body that cannot be read', async () => {
    const { pipeline, events, observer } = setUp();
    const call = { requestId: 'r', arrivedAt: 0, principal: anyone, timeoutMs: undefined };
    expect((await errorOf(pipeline.predict(Buffer.from('{'), call))).code).toBe('INVALID_REQUEST');
    expect(events.records).toMatchObject([{ status: 'error', errorCode: 'INVALID_REQUEST', modelId: null }]);
    expect(observer.finished).toMatchObject([{ modelId: null, rows: [] }]);
  });

  it('refuses a model that the caller has no scope for, whether or not it exists', async () => {
    const { send, events, catalogue } = setUp();
    const principal = { ...anyone, scopes: ['predict:other'] };
    const known = await errorOf(send({ features: { x: 1 } }, { principal }));
    const unknown = await errorOf(send({ model_id: 'nope' }, { principal }));
    expect([known.code, unknown.code]).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    expect(known.details).toEqual({ scope: 'predict:half_plus_two' });
    expect(catalogue.leased).toBe(0);
    expect(events.records).toHaveLength(2);
  });

  it('warns that it cannot explain', async () => {
    const reply = await setUp().send({ features: { x: 2 }, options: { include_explanation: true } });
    expect(reply.warnings).toMatchObject([{ code: 'explanation_unavailable' }]);
  });

  it('hides what really went wrong in the model', async () => {
    const { send, catalogue } = setUp({ predict: () => Promise.reject(new Error('secret path')) });
    const error = await errorOf(send({ features: { x: 2 } }));
    expect([error.code, error.message]).toEqual(['INTERNAL_ERROR', 'An internal error occurred']);
    expect(catalogue.released).toBe(1);
  });

  it('answers INFERENCE_TIMEOUT when the model took longer than the smaller wish', async () => {
    const setting = setUp({
      predict: (rows, deadline) => {
        setting.clock.advance(deadline.remainingMs() + 1);
        return halfPlusTwo(rows, deadline);
      },
    });
    const body = { features: { x: 2 }, options: { timeout_ms: 900 } };
    const error = await errorOf(setting.send(body, { timeoutMs: 200 }));
    expect([error.code, error.details['stage']]).toEqual(['INFERENCE_TIMEOUT', 'model']);
    expect(setting.events.records[0]).toMatchObject({
      status: 'error',
      errorCode: 'INFERENCE_TIMEOUT',
      latencyMs: 201,
    });
  });

  it('does not start what has no time left on arrival', async () => {
    let runs = 0;
    const { clock, send } = setUp({ predict: (rows, deadline) => (runs++, halfPlusTwo(rows, deadline)) });
    clock.advance(6000);
    expect((await errorOf(send({ features: { x: 2 } }))).code).toBe('INFERENCE_TIMEOUT');
    expect(runs).toBe(0);
  });

  it('stops for a client that has gone away', async () => {
    const error = await errorOf(setUp().send({ features: { x: 2 } }, { cancel: AbortSignal.abort() }));
    expect(error.code).toBe('INFERENCE_TIMEOUT');
  });
});

describe('stored features', () => {
  const features = [feature('x'), storedScore];
  const read = (stored: ViewRead, view: Partial<FeatureView> = {}, specs: readonly FeatureSpec[] = features) =>
    setUp({ features: specs, views: [fakeView(view)], stored: () => stored });
  const withDefault = [feature('x'), { ...storedScore, default: 3 }];

  it('rule 1: a value given inline is not looked up', async () => {
    const { send, store, events } = read(row());
    await send({ features: { x: 2, credit_score: 1 }, entities: { applicant_id: 'A-17' } });
    expect(store.asked).toEqual([]);
    expect(events.records[0]?.features[1]).toMatchObject({ value: 1, origin: 'request' });
  });

  it('rule 1: null inline is an error unless nullable, and never the default', async () => {
    const body = { features: { x: 2, credit_score: null } };
    const error = await errorOf(read(row(), {}, withDefault).send(body));
    expect(error.details.errors).toMatchObject([{ path: '/features/credit_score', problem: 'not_nullable' }]);
  });

  it('rule 2: looks up what is not inline, and tells its origin and age', async () => {
    const { send, store, events } = read(row());
    const reply = await send(applicant);
    expect(reply).toMatchObject({ cached: false, prediction: { value: 3 } });
    expect(store.asked).toEqual([[{ view: 'applicant_profile', key: 'A-17', useCache: true }]]);
    expect(events.records[0]).toMatchObject({
      features: [
        { name: 'x', origin: 'request' },
        { name: 'credit_score', value: 6, origin: 'store', ageSeconds: 5 },
      ],
      entities: [{ name: 'applicant_id', key: 'A-17', pii: false }],
    });
  });

  it('says cached when all stored values came from the cache, and skips the cache when told to', async () => {
    const { send, store } = read(row({ origin: 'cache' }));
    expect((await send(applicant)).cached).toBe(true);
    await send({ ...applicant, options: { enable_cache: false } });
    expect(store.asked[1]?.[0]?.useCache).toBe(false);
  });

  it('rule 3: without the entity, the default or an error that names the entity', async () => {
    const reply = await read(row(), {}, withDefault).send({ features: { x: 2 } });
    expect(reply.warnings).toMatchObject([{ code: 'default_used', feature: 'credit_score' }]);
    const error = await errorOf(read(row()).send({ features: { x: 2 } }));
    expect(error.details.errors?.[0]?.expected).toContain('entities.applicant_id');
  });

  it.each<[string, ViewRead]>([
    ['an absent row', { state: 'absent', origin: 'store' }],
    ['a NULL column', row({ values: [null, 1] })],
    ['a value of the wrong type', row({ values: ['six', 1] })],
    ['a value out of range', row({ values: [11, 1] })],
  ])('rule 4: %s follows on_missing', async (_, stored) => {
    const error = await errorOf(read(stored).send(applicant));
    expect(error.code).toBe('FEATURE_VALIDATION_FAILED');
    expect(error.details.errors).toMatchObject([{ path: '/features/credit_score', origin: 'store' }]);
    const reply = await read(stored, { onMissing: 'default' }, withDefault).send(applicant);
    expect(reply.warnings).toMatchObject([{ code: 'default_used' }]);
  });

  it('rule 5: a stale row follows on_stale', async () => {
    const stale = row({ stale: true, ageSeconds: 99 });
    const error = await errorOf(read(stale).send(applicant));
    expect(error.details.errors).toMatchObject([{ problem: 'stale', origin: 'store' }]);
    const served = await read(stale, { onStale: 'serve' }).send(applicant);
    expect(served.warnings).toMatchObject([{ code: 'stale_value_served', feature: 'credit_score' }]);
    const replaced = await read(stale, { onStale: 'default' }, withDefault).send(applicant);
    expect(replaced.warnings).toMatchObject([{ code: 'default_used' }]);
  });

  it('rule 6: a store out of reach is SERVICE_UNAVAILABLE, unless the view says default', async () => {
    const error = await errorOf(read({ state: 'unavailable' }).send(applicant));
    expect([error.code, error.retryAfterSeconds]).toEqual(['SERVICE_UNAVAILABLE', 1]);
    const reply = await read({ state: 'unavailable' }, { onUnavailable: 'default' }, withDefault).send(applicant);
    expect(reply.warnings).toMatchObject([{ code: 'default_used' }]);
  });

  it('rule 8: an entity that no view of the model uses is refused', async () => {
    const error = await errorOf(read(row()).send({ features: { x: 1 }, entities: { aplicant_id: 'A' } }));
    expect(error.details.errors).toMatchObject([
      { path: '/entities/aplicant_id', problem: 'unknown_entity', did_you_mean: 'applicant_id' },
      { path: '/features/credit_score', problem: 'missing' },
    ]);
  });

  it('never says a stored value in an error', async () => {
    const error = await errorOf(read(row({ values: ['hunter2', 1] })).send(applicant));
    expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
  });
});

describe('a batch', () => {
  it('answers each row, and a bad row does not fail its neighbours', async () => {
    const { sendBatch, events, observer } = setUp();
    const reply = await sendBatch([{ features: { x: 2 } }, { features: { x: 'two' } }, { fetures: {} }]);
    expect(reply.results).toMatchObject([
      { index: 0, prediction: { value: 3 } },
      { index: 1, error: { error_code: 'FEATURE_VALIDATION_FAILED' } },
      { index: 2, error: { error_code: 'INVALID_REQUEST' } },
    ]);
    expect(events.records.map(({ batchIndex, status }) => [batchIndex, status])).toEqual([
      [0, 'success'],
      [1, 'error'],
      [2, 'error'],
    ]);
    expect(new Set(events.records.map((record) => record.eventId)).size).toBe(3);
    expect(observer.finished).toHaveLength(1);
  });

  it('reads the stored features of all rows in one round trip, and each row gets its own', async () => {
    const stored = (_: FeatureView, key: string | number) => row({ values: [Number(key), 0] });
    const { sendBatch, store, events } = setUp({ features: [feature('x'), storedScore], views: [fakeView()], stored });
    await sendBatch([1, 2, 3].map((key) => ({ features: { x: 0 }, entities: { applicant_id: key } })));
    expect(store.asked).toHaveLength(1);
    expect(events.records.map((record) => record.features[1]?.value)).toEqual([1, 2, 3]);
  });

  it('fails only the row whose key cannot be converted', async () => {
    const stored = (_: FeatureView, key: string | number): ViewRead => {
      if (key === 'x') throw new EntityKeyError('applicant_id', 'an integer');
      return row();
    };
    const { sendBatch } = setUp({ features: [feature('x'), storedScore], views: [fakeView()], stored });
    const reply = await sendBatch(['x', 1].map((key) => ({ features: { x: 0 }, entities: { applicant_id: key } })));
    expect(reply.results).toMatchObject([
      { error: { details: { errors: [{ path: '/entities/applicant_id', expected: 'an integer' }] } } },
      { index: 1, prediction: { value: 2 } },
    ]);
  });

  it('is 504 when no row was answered in time', async () => {
    const timeout = new ServiceError('INFERENCE_TIMEOUT', 'late');
    const { sendBatch } = setUp({ predict: (rows) => Promise.resolve(rows.map(() => timeout)) });
    expect((await errorOf(sendBatch([{ features: { x: 1 } }, { features: { x: 2 } }]))).code).toBe('INFERENCE_TIMEOUT');
  });

  it('keeps rows that were answered when others ran out of time', async () => {
    const timeout = new ServiceError('INFERENCE_TIMEOUT', 'late');
    const predict: Predict = async (rows, deadline) => [...(await halfPlusTwo(rows.slice(0, 1), deadline)), timeout];
    const reply = await setUp({ predict }).sendBatch([{ features: { x: 2 } }, { features: { x: 2 } }]);
    expect(reply.results).toMatchObject([{ prediction: { value: 3 } }, { error: { error_code: 'INFERENCE_TIMEOUT' } }]);
  });

  it('tells each row of a model that broke, and the whole of one that has no room', async () => {
    const broken = await setUp({ predict: () => Promise.reject(new Error('x')) }).sendBatch([{ features: { x: 2 } }]);
    expect(broken.results).toMatchObject([{ error: { error_code: 'INTERNAL_ERROR' } }]);
    const full = new ServiceError('SERVICE_UNAVAILABLE', 'full');
    const { sendBatch, events } = setUp({ predict: () => Promise.reject(full) });
    expect((await errorOf(sendBatch([{ features: { x: 2 } }, { features: { x: 'a' } }]))).code).toBe(
      'SERVICE_UNAVAILABLE',
    );
    expect(events.records.map((record) => record.errorCode)).toEqual([
      'SERVICE_UNAVAILABLE',
      'FEATURE_VALIDATION_FAILED',
    ]);
  });
});
