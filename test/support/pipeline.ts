import {
  anyone,
  FakeCatalogue,
  FakeFeatures,
  fakeVersion,
  feature,
  halfPlusTwo,
  RecordingEvents,
  RecordingPredictions,
  type Predict,
} from './fakes.js';
import type { FeatureView, ViewRead } from '../../src/features/index.js';
import type { FeatureSpec } from '../../src/models/index.js';
import { PredictionPipeline, type CallContext } from '../../src/prediction/index.js';
import { ManualClock } from '../../src/shared/clock.js';
import { ServiceError } from '../../src/shared/errors.js';
import { expect } from 'vitest';

export interface Setting {
  readonly features?: readonly FeatureSpec[];
  readonly predict?: Predict;
  readonly views?: readonly FeatureView[];
  readonly stored?: (view: FeatureView, key: string | number) => ViewRead;
}

/** A pipeline over fakes whose clock stands still. */
export function setUp({ features = [feature('x')], predict = halfPlusTwo, views = [], stored }: Setting = {}) {
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
  const sendBatch = (instances: object[], rest: Partial<CallContext> = {}, options: object = {}) => {
    const body = JSON.stringify({ model_id: 'half_plus_two', instances, options });
    return pipeline.predictBatch(Buffer.from(body), { ...call, ...rest });
  };
  return { clock, catalogue, store, events, observer, pipeline, send, sendBatch };
}

/** A feature that comes from a stored one. */
export const storedScore = feature('credit_score', {
  type: 'integer',
  max: 10,
  from: { view: 'applicant_profile', feature: 'credit_score' },
});
/** A stored row as the feature service answers it. */
export const row = (rest: Partial<ViewRead & { state: 'row' }> = {}): ViewRead => ({
  state: 'row',
  origin: 'store',
  values: [6, 1],
  ageSeconds: 5,
  stale: false,
  ...rest,
});
export const applicant = { features: { x: 2 }, entities: { applicant_id: 'A-17' } };

/** The ServiceError that the call fails with. */
export async function errorOf(promise: Promise<unknown>): Promise<ServiceError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  return expect.unreachable('the call should have failed');
}
