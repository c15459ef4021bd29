import { describe, expect, it } from 'vitest';
import type { FeatureService } from '../features/index.js';
import type { ModelCatalogue, ServingVersion } from '../models/index.js';
import { ManualClock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { warmUp } from './warm-up.js';

const limits = { maxTimeoutMs: 1000, maxBatchInstances: 10, defaultTimeoutMs: 1000 };
const features = { views: new Map() } as unknown as FeatureService;

/** A catalogue of one version; each run takes a millisecond of the clock. */
function setUp({ executor = 'compiled', fails = false } = {}) {
  const clock = new ManualClock();
  let runs = 0;
  let leases = 0;
  const version = {
    ...{ modelId: 'm', version: '1', features: [{ name: 'x', type: 'float' }], featureIndex: new Map([['x', 0]]) },
    checks: [() => undefined],
    fits: () => true,
    predict: (rows: readonly unknown[]) => {
      runs++;
      clock.advance(1);
      if (fails) return Promise.reject(new ServiceError('INTERNAL_ERROR', 'no'));
      return rows.map(() => ({ prediction: { value: 1 }, confidence: null }));
    },
  } as unknown as ServingVersion;
  const described = {
    version: '1',
    state: 'ready',
    runtime: { runtime: 'onnx', executor },
    example: { features: { x: 1 } },
  };
  const catalogue = {
    list: () => [{ model_id: 'm', versions: [described] }],
    lease: () => {
      leases++;
      return { version, release: () => void leases-- };
    },
  } as unknown as ModelCatalogue;
  return { run: () => warmUp({ catalogue, features, clock, limits }), runs: () => runs, leases: () => leases };
}

describe('warmUp', () => {
  it('predicts examples for a while, and gives every lease back', async () => {
    const warm = setUp();
    await warm.run();
    expect(warm.runs()).toBeGreaterThan(100);
    expect(warm.leases()).toBe(0);
  });

  it('leaves a version that fails, and one that runs elsewhere', async () => {
    const failing = setUp({ fails: true });
    await failing.run();
    expect(failing.runs()).toBe(16);
    const remote = setUp({ executor: 'remote' });
    await remote.run();
    expect(remote.runs()).toBe(0);
  });
});
