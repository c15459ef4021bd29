import { randomUUID } from 'node:crypto';
import type { Config } from '../../config/schema.js';
import { NullEventPublisher } from '../../events/null-publisher.js';
import { silentFeaturesObserver } from '../../features/index.js';
import { PredictionPipeline, type CallContext } from '../../prediction/index.js';
import { systemClock } from '../../shared/clock.js';
import { silentPostgresObserver } from '../../shared/postgres/observer.js';
import { nearestName } from '../../shared/names.js';
import { openDatabase } from '../open-database.js';
import { openFeatures, openViews } from '../open-features.js';
import { openMlflow } from '../open-mlflow.js';
import { openModelServers } from '../open-model-servers.js';
import { openCatalogue } from '../open-models.js';
import type { Predictor } from '../operations.js';
import { signatureOf } from '../signature-of.js';
import { settled } from './settled.js';
import { silentMlflowObserver, silentModelServerObserver, silentModelsObserver } from './silent-models-observer.js';

/** Whoever may run the command may read the models. */
const principal = { id: 'command-line', clientId: null, scopes: ['predict:*'] };

/** Predicts in this process, by the same pipeline as the service. Leaves no event. @throws Error when there is no such model. */
export async function openPredictor(config: Config, modelId: string): Promise<Predictor> {
  const views = await openViews(config);
  const database = await openDatabase(config, silentPostgresObserver);
  const features = openFeatures(config, { views, redis: undefined, database }, silentFeaturesObserver);
  const servers = openModelServers(config, silentModelServerObserver);
  const mlflow = await openMlflow(config, silentMlflowObserver);
  const catalogue = openCatalogue(config, views, { servers, mlflow }, silentModelsObserver);
  const { http, models } = config.inference_service;
  const pipeline = new PredictionPipeline({
    ...{ catalogue, features, clock: systemClock, newId: randomUUID },
    events: new NullEventPublisher(),
    observer: { requestFinished: () => undefined },
    limits: {
      maxTimeoutMs: http.max_timeout_ms,
      maxBatchInstances: http.max_batch_instances,
      // Nobody waits for a file's rows as for a call's answer.
      defaultTimeoutMs: http.max_timeout_ms,
    },
  });
  const describe = () => {
    const model = catalogue.describe(modelId);
    if (model !== undefined) return model;
    const meant = nearestName(
      modelId,
      catalogue.list().map(({ model_id }) => model_id),
    );
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new Error(`there is no model ${modelId} in ${models.directory}${hint}`);
  };
  const close = async () => {
    await catalogue.close();
    await mlflow?.close();
    await servers.close();
    await features.close();
    await database?.close();
  };
  try {
    await settled(catalogue);
    describe();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    signature: (version) => new Promise((resolve) => resolve(signatureOf(describe(), version))),
    predictBatch: (body) => pipeline.predictBatch(Buffer.from(body), newCall()),
    close,
  };
}

function newCall(): CallContext {
  return { requestId: randomUUID(), arrivedAt: systemClock.monotonic(), principal, timeoutMs: undefined };
}
