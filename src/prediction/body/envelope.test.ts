import { describe, expect, it } from 'vitest';
import { ServiceError, type Problem } from '../../shared/errors.js';
import { parseBatchRequest, parsePredictionRequest } from './envelope.js';
import { noFeatures, ParsedFeatures } from './given-features.js';

const limits = { maxTimeoutMs: 30_000, maxBatchInstances: 3 };

function problemsOf(
  body: unknown,
  parse: typeof parsePredictionRequest | typeof parseBatchRequest = parsePredictionRequest,
) {
  try {
    parse(body, limits);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    expect(error.code).toBe('INVALID_REQUEST');
    return error.details.errors as readonly Problem[];
  }
  return [];
}

describe('parsePredictionRequest', () => {
  it('reads a whole envelope', () => {
    const body = {
      model_id: 'fraud_detection_v2',
      model_version: '1.2.3',
      features: { age: 30 },
      entities: { customer: 'C-1', account: 7 },
      options: { timeout_ms: 5000, include_explanation: true, enable_cache: false },
    };
    expect(parsePredictionRequest(body, limits)).toEqual({
      modelId: 'fraud_detection_v2',
      modelVersion: '1.2.3',
      features: new ParsedFeatures({ age: 30 }),
      entities: { customer: 'C-1', account: 7 },
      options: { timeoutMs: 5000, includeExplanation: true, enableCache: false },
    });
  });

  it('fills in nothing but the documented defaults', () => {
    expect(parsePredictionRequest({ model_id: 'm' }, limits)).toEqual({
      modelId: 'm',
      modelVersion: undefined,
      features: noFeatures,
      entities: {},
      options: { timeoutMs: undefined, includeExplanation: false, enableCache: true },
    });
  });

  it('lists every problem at once, with near misses', () => {
    const problems = problemsOf({
      modelid: 'm',
      model_version: 3,
      features: [],
      options: { timeout_ms: '5', enable_cashe: true },
    });
    expect(problems.map(({ path, problem, did_you_mean }) => [path, problem, did_you_mean])).toEqual([
      ['/modelid', 'unknown_field', 'model_id'],
      ['/model_id', 'missing', undefined],
      ['/model_version', 'wrong_type', undefined],
      ['/features', 'wrong_type', undefined],
      ['/options/enable_cashe', 'unknown_field', 'enable_cache'],
      ['/options/timeout_ms', 'wrong_type', undefined],
    ]);
  });

  it.each([
    ['null', null],
    ['an array', []],
    ['a string', 'model'],
  ])('refuses %s as a body', (_, body) => {
    expect(problemsOf(body)).toMatchObject([{ path: '', problem: 'wrong_type' }]);
  });

  it.each([
    ['a name with a slash', { model_id: '../etc' }, '/model_id'],
    ['a null version', { model_id: 'm', model_version: null }, '/model_version'],
    ['an alias in capitals', { model_id: 'm', model_version: '@Prod' }, '/model_version'],
    ['too little time', { model_id: 'm', options: { timeout_ms: 99 } }, '/options/timeout_ms'],
    ['too much time', { model_id: 'm', options: { timeout_ms: 30_001 } }, '/options/timeout_ms'],
    ['a fraction of time', { model_id: 'm', options: { timeout_ms: 100.5 } }, '/options/timeout_ms'],
    ['an empty entity key', { model_id: 'm', entities: { a: '' } }, '/entities/a'],
    ['an entity key beyond 2^53', { model_id: 'm', entities: { a: 2 ** 53 } }, '/entities/a'],
    ['an entity key with NUL', { model_id: 'm', entities: { a: 'x\0y' } }, '/entities/a'],
    ['an entity key of 257 characters', { model_id: 'm', entities: { 'a/b': 'x'.repeat(257) } }, '/entities/a~1b'],
  ])('refuses %s', (_, body, path) => {
    expect(problemsOf(body).map((problem) => problem.path)).toEqual([path]);
  });
});

describe('parseBatchRequest', () => {
  it('keeps a bad instance as its own error', () => {
    const batch = parseBatchRequest({ model_id: 'm', instances: [{ features: { a: 1 } }, 7, { feature: {} }] }, limits);
    expect(batch.instances[0]).toEqual({ features: new ParsedFeatures({ a: 1 }), entities: {} });
    expect(batch.instances[1]).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(batch.instances[2]).toMatchObject({
      details: { errors: [{ path: '/feature', problem: 'unknown_field', did_you_mean: 'features' }] },
    });
  });

  it.each([
    ['no instances', {}],
    ['an empty list', { instances: [] }],
    ['too many', { instances: [{}, {}, {}, {}] }],
  ])('refuses %s', (_, rest) => {
    expect(problemsOf({ model_id: 'm', ...rest }, parseBatchRequest)[0]?.path).toBe('/instances');
  });
});
