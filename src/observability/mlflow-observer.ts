import type { MlflowObserver } from '../models/index.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';

/** Counts and logs the facts of an MLflow registry. That it is out of reach is a problem of the registry, and a line there. */
export function mlflowObserver(
  { mlflowLooks, mlflowUnreachable, mlflowFetches, mlflowFetchedBytes }: Instruments,
  logger: Logger,
): MlflowObserver {
  return {
    registryAsked: ({ answered }) => {
      mlflowLooks.inc({ result: answered ? 'answered' : 'failed' });
      mlflowUnreachable.set(answered ? 0 : 1);
    },
    productionChosen: ({ modelId, by = 'the highest version' }) =>
      logger.info({ model_id: modelId, by }, 'What answers requests without model_version'),
    versionFetched: ({ modelId, version, files, bytes, digest, milliseconds }) => {
      mlflowFetches.inc({ model_id: modelId, result: 'fetched' });
      mlflowFetchedBytes.inc({ model_id: modelId }, bytes);
      const name = { model_id: modelId, model_version: version };
      logger.info({ ...name, files, bytes, digest, milliseconds }, 'A version was fetched from MLflow');
    },
    fetchFailed: ({ modelId, version, reason, retryInMs }) => {
      mlflowFetches.inc({ model_id: modelId, result: 'failed' });
      const name = { model_id: modelId, model_version: version };
      logger.warn({ ...name, reason, retry_in_ms: retryInMs }, 'A version could not be fetched from MLflow');
    },
    copyDropped: ({ modelId, key }) =>
      logger.info({ model_id: modelId, copy: key }, 'A copy of a version that is no longer served was removed'),
  };
}
