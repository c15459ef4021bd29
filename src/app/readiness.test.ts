import { describe, expect, it } from 'vitest';
import { FakeCatalogue, FakeFeatures, fakeVersion, RecordingEvents } from '../../test/support/fakes.js';
import { readinessOf } from './readiness.js';

type Health = 'healthy' | 'degraded' | 'unhealthy';

function given(rest: {
  models?: object;
  cache?: Health;
  store?: Health;
  events?: Health;
  servers?: 'degraded';
  registry?: string;
}) {
  const catalogue = new FakeCatalogue(fakeVersion([]));
  catalogue.readiness = () => ({ settled: true, ready: 1, failed: 0, loading: 0, ...rest.models });
  const features = Object.assign(new FakeFeatures(), {
    health: () => ({ cache: rest.cache ?? 'healthy', store: rest.store ?? 'healthy' }),
  });
  const events = Object.assign(new RecordingEvents(), { health: () => rest.events ?? 'healthy' });
  const modelServers = { health: () => rest.servers ?? 'healthy' };
  const registryProblems = () => (rest.registry === undefined ? [] : [rest.registry]);
  return readinessOf({ catalogue, features, events, modelServers, registryProblems });
}

// Demand 21: only what makes answers impossible makes the service unready.
describe('demand 21: readiness', () => {
  it.each([
    ['all is well', {}, 'ready'],
    ['no model is ready', { models: { ready: 0 } }, 'not_ready'],
    ['what an alias points to is loading', { models: { settled: false } }, 'not_ready'],
    ['a version has failed', { models: { failed: 1 } }, 'degraded'],
    ['the cache is down', { cache: 'degraded' }, 'degraded'],
    ['the store is down', { store: 'unhealthy' }, 'degraded'],
    ['a breaker of a model server is open', { servers: 'degraded' }, 'degraded'],
    ['the registry is out of reach', { registry: 'MLflow cannot be reached' }, 'degraded'],
    ['events cannot be delivered', { events: 'unhealthy' }, 'degraded'],
    ['everything but the models is down', { cache: 'degraded', store: 'unhealthy', events: 'unhealthy' }, 'degraded'],
  ] as const)('%s', (_, state, status) => {
    expect(given(state).status).toBe(status);
  });

  it('names each part by its state', () => {
    expect(given({ store: 'unhealthy' }).checks).toMatchObject({
      cache: 'healthy',
      model_server: 'healthy',
      event_stream: 'healthy',
      feature_store: 'unhealthy',
      model_registry: 'healthy',
      models_ready: 1,
    });
  });
});
