import path from 'node:path';
import { existsSync } from 'node:fs';
import type { Config } from '../config/schema.js';
import { MemoryCache } from '../features/caches/memory-cache.js';
import { RedisFeatureCache } from '../features/caches/redis-cache.js';
import {
  createFeatureService,
  loadFeatureViews,
  type FeatureCache,
  type FeaturesObserver,
  type FeatureService,
  type FeatureStore,
  type FeatureView,
} from '../features/index.js';
import { PostgresFeatureStore } from '../features/stores/postgres-store.js';
import { SqliteFeatureStore } from '../features/stores/sqlite-store.js';
import { systemClock } from '../shared/clock.js';
import type { RedisClient } from '../shared/redis-client.js';
import { dataPaths } from './data-paths.js';
import type { Database } from './open-database.js';
import { systemTimers } from '../shared/timers.js';

type Views = ReadonlyMap<string, FeatureView>;

/** The views of the configured file; none where there is no file. @throws FeatureDefinitionsError */
export function openViews(config: Config): Promise<Views> {
  return loadFeatureViews(path.resolve(config.inference_service.features.file));
}

/** In the database where there is one, else in the data folder. */
export function openFeatureStore(config: Config, database: Database | undefined): FeatureStore {
  if (database === undefined) {
    return new SqliteFeatureStore({ file: dataPaths(config.inference_service.data).features });
  }
  const { reads: pool, control, openSession, schema } = database;
  return new PostgresFeatureStore({ pool, control, openSession, schema, clock: systemClock });
}

/** Where values are kept and asked for: embedded, where there is no database, and in memory, where there is no Redis. */
export interface FeatureParts {
  readonly views: Views;
  readonly redis: RedisClient | undefined;
  readonly database: Database | undefined;
}

export function openFeatures(
  config: Config,
  { views, redis, database }: FeatureParts,
  observer: FeaturesObserver,
): FeatureService {
  const { cache, features } = config.inference_service;
  return createFeatureService({
    views,
    store: openFeatureStore(config, database),
    ...(cache.enabled && { cache: openCache(config, redis, observer) }),
    options: {
      ttlSeconds: cache.ttl_seconds,
      negativeTtlSeconds: features.negative_ttl_seconds,
      storeMaxConcurrency: features.store_max_concurrency,
    },
    clock: systemClock,
    timers: systemTimers,
    observer,
  });
}

function openCache(config: Config, client: RedisClient | undefined, observer: FeaturesObserver): FeatureCache {
  const { cache, redis } = config.inference_service;
  if (client === undefined) return new MemoryCache({ maxBytes: cache.max_bytes, clock: systemClock, observer });
  const endOfCallback = (action: () => void) => systemTimers.endOfCallback(action);
  return new RedisFeatureCache({ client, keyPrefix: redis.key_prefix, observer, endOfCallback });
}

/** `<view>.csv` of the seed folder, for each view whose table is not there yet. */
export function seedFiles(config: Config, views: Views): { view: FeatureView; file: string }[] {
  const { seed_directory } = config.inference_service.features;
  if (seed_directory === undefined) return [];
  return [...views.values()]
    .map((view) => ({ view, file: path.resolve(seed_directory, `${view.name}.csv`) }))
    .filter(({ file }) => existsSync(file));
}
