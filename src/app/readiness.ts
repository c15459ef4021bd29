import type { EventPublisher } from '../events/index.js';
import type { FeatureService } from '../features/index.js';
import type { Readiness } from '../http/index.js';
import type { ModelCatalogue } from '../models/index.js';

interface ReadinessParts {
  readonly catalogue: ModelCatalogue;
  readonly features: FeatureService;
  readonly events: EventPublisher;
  /** Remote model servers: degraded while the breaker of some model is not closed. */
  readonly modelServers: { health(): 'healthy' | 'degraded' };
  /** What is wrong with where models come from, as a whole: a folder that is absent, a registry out of reach. */
  readonly registryProblems: () => readonly string[];
}

/**
 * Whether traffic should be sent here. Only what makes answers impossible says no: no model ready, or versions that an alias or
 * "highest" points to still loading. A cache, a store, a sink or a registry that is down degrades, so that a fault that all instances
 * share does not take them all out at once.
 */
export function readinessOf({
  catalogue,
  features,
  events,
  modelServers,
  registryProblems,
}: ReadinessParts): Readiness {
  const models = catalogue.readiness();
  const { cache, store } = features.health();
  const eventStream = events.health();
  const modelServer = models.ready === 0 ? 'unhealthy' : models.failed > 0 ? 'degraded' : modelServers.health();
  const registry = registryProblems().length > 0 ? 'degraded' : 'healthy';
  const checks = {
    cache,
    model_server: modelServer,
    event_stream: eventStream,
    feature_store: store,
    model_registry: registry,
    models_ready: models.ready,
    models_failed: models.failed,
    models_loading: models.loading,
  };
  if (!models.settled || models.ready === 0) return { status: 'not_ready', checks };
  const allHealthy = [cache, store, modelServer, eventStream, registry].every((state) => state === 'healthy');
  return { status: allHealthy ? 'ready' : 'degraded', checks };
}
