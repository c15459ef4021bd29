import type { FeatureService } from '../features/index.js';
import type { ModelCatalogue } from '../models/index.js';
import { PredictionPipeline, type CallContext } from '../prediction/index.js';
import type { Clock } from '../shared/clock.js';

export interface WarmUpParts {
  readonly catalogue: ModelCatalogue;
  readonly features: FeatureService;
  readonly clock: Clock;
  readonly limits: ConstructorParameters<typeof PredictionPipeline>[0]['limits'];
}

/** Time for all models together: enough for the code on the way of a prediction to be compiled. */
const longestMs = 150;
const callsAtOnce = 16;
const caller = { id: 'warm-up', clientId: null, scopes: ['predict:*'] };

/**
 * Predicts the example of every ready version, again and again, through a pipeline that leaves no events, metrics and log lines: so that
 * the first callers do not wait for the code to be compiled. A version whose example fails is left: its callers will be told why.
 */
export async function warmUp({ catalogue, features, clock, limits }: WarmUpParts): Promise<void> {
  const pipeline = new PredictionPipeline({
    ...{ catalogue, features, clock, limits },
    events: { record: () => undefined },
    observer: { requestFinished: () => undefined },
    newId: () => 'warm-up',
  });
  const bodies = examplesOf(catalogue);
  const end = clock.monotonic() + longestMs;
  const failed = new Set<Buffer>();
  while (clock.monotonic() < end && failed.size < bodies.length) {
    for (const body of bodies) {
      if (failed.has(body)) continue;
      const calls = Array.from({ length: callsAtOnce }, () => pipeline.predict(body, contextAt(clock.monotonic())));
      if ((await Promise.allSettled(calls)).some(({ status }) => status === 'rejected')) failed.add(body);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Of versions that compute in this process: what runs elsewhere costs others. */
function examplesOf(catalogue: ModelCatalogue): Buffer[] {
  return catalogue
    .list()
    .flatMap(({ model_id, versions }) =>
      versions
        .filter(({ state, runtime }) => state === 'ready' && runtime?.executor !== 'remote')
        .map(({ version, example }) =>
          Buffer.from(JSON.stringify({ ...(example as object), model_id, model_version: version })),
        ),
    );
}

function contextAt(arrivedAt: number): CallContext {
  return { requestId: 'warm-up', arrivedAt, principal: caller, timeoutMs: undefined };
}
