import { describe, expect, it } from 'vitest';
import { anyone, fakeView, feature, halfPlusTwo, type Predict } from '../../test/support/fakes.js';
import { errorOf, row, setUp, storedScore } from '../../test/support/pipeline.js';
import { EntityKeyError, type FeatureView, type ViewRead } from '../features/index.js';
import { ServiceError } from '../shared/errors.js';

describe('a single prediction', () => {
  it('gives the explanation with the origin of each feature, and drops it alone', async () => {
    const explained = {
      ...({ method: 'sampling', output: 'value', scale: 'value', baseValue: 1 } as const),
      contributions: [{ feature: 'x', index: 0, contribution: 2, standardError: 0.5 }],
    };
    const { catalogue, sendBatch } = setUp();
    const late = { code: 'explanation_dropped', message: 'too late' } as const;
    const explain = (row: readonly unknown[]) => Promise.resolve(row[0] === 2 ? explained : late);
    Object.assign(catalogue.version, { explain });
    const [first, second] = (
      await sendBatch([{ features: { x: 2 } }, { features: { x: 4 } }], {}, { include_explanation: true })
    ).results;
    expect(first).toMatchObject({
      prediction: { value: 3 },
      explanation: {
        ...{ method: 'sampling', output: 'value', scale: 'value', base_value: 1 },
        contributions: [{ feature: 'x', origin: 'request', contribution: 2, standard_error: 0.5 }],
      },
    });
    expect(second).toMatchObject({ prediction: { value: 4 }, warnings: [late] });
    expect(second).not.toHaveProperty('explanation.method');
  });

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
        featuresText: '{"x":2}',
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
    const error = await errorOf(
      setUp().send({ features: { x: 2 } }, { caller: { gone: true, cancel: AbortSignal.abort() } }),
    );
    expect(error.code).toBe('INFERENCE_TIMEOUT');
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
