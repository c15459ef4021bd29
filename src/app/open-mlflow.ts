import type { MlflowWebhook } from '../http/index.js';
import type { Config } from '../config/schema.js';
import type { MlflowObserver } from '../models/index.js';
import type { MlflowRegistry } from '../models/registry/mlflow/mlflow-registry.js';
import { systemClock } from '../shared/clock.js';
import { dataPaths } from './data-paths.js';
import { systemTimers } from '../shared/timers.js';

/** The MLflow registry, where one is configured; it is not asked before models are looked for. */
export async function openMlflow(config: Config, observer: MlflowObserver): Promise<MlflowRegistry | undefined> {
  const { mlflow, data } = config.inference_service;
  const { tracking_uri: trackingUri, username, password, token } = mlflow;
  if (trackingUri === undefined) return undefined;
  // Loaded only where it is used, as it takes its time.
  const { MlflowRegistry } = await import('../models/registry/mlflow/mlflow-registry.js');
  return new MlflowRegistry({
    trackingUri,
    credentials: { username, password, token },
    timeoutMs: mlflow.timeout_ms,
    pollMs: mlflow.poll_interval_ms,
    lookUp: {
      names: new Map(Object.entries(mlflow.models)),
      include: mlflow.include,
      versions: mlflow.versions,
      productionAlias: mlflow.production_alias,
    },
    maxVersionBytes: mlflow.max_version_bytes,
    downloadMs: mlflow.download_timeout_seconds * 1000,
    scoringUrls: new Map(Object.entries(mlflow.scoring_urls)),
    folder: dataPaths(data).mlflow,
    clock: systemClock,
    timers: systemTimers,
    observer,
  });
}

/** What MLflow calls when its registry has changed; only with a secret, and where there is a registry. */
export function mlflowWebhook(
  secret: string | undefined,
  registry: MlflowRegistry | undefined,
): MlflowWebhook | undefined {
  return secret === undefined || registry === undefined ? undefined : { secret, refresh: () => registry.refresh() };
}
