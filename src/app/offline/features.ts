import { existsSync, mkdirSync, statSync } from 'node:fs';
import type { Config } from '../../config/schema.js';
import {
  describeEntity,
  FeatureImportError,
  importFeatures,
  type FeatureStore,
  type FeatureView,
} from '../../features/index.js';
import { systemClock } from '../../shared/clock.js';
import { nearestName } from '../../shared/names.js';
import { silentPostgresObserver } from '../../shared/postgres/observer.js';
import { dataPaths } from '../data-paths.js';
import { openDatabase } from '../open-database.js';
import { openFeatureStore, openViews, seedFiles } from '../open-features.js';
import type { FeatureImport, FeatureImportResult, FeatureOperations } from '../operations.js';

export const featureOperations: FeatureOperations = {
  async import(config, request) {
    const view = await viewOf(config, request.view);
    return withStore(config, (store) => importFile(store, view, request));
  },

  async get(config, name, key) {
    const view = await viewOf(config, name);
    const clock = systemClock;
    const entity = await withStore(config, (store) => describeEntity({ view, key, store, clock }));
    if (entity === null) return undefined;
    return {
      features: Object.fromEntries(entity.features.map(({ name: feature, value }) => [feature, value])),
      updated_at: entity.updatedAt === null ? null : new Date(entity.updatedAt).toISOString(),
      age_seconds: entity.ageSeconds,
      stale: entity.stale,
    };
  },

  async verify(config) {
    const views = await openViews(config);
    return withStore(config, (store) =>
      Promise.all([...views].map(async ([view, it]) => ({ view, problems: await store.verify(it) }))),
    );
  },
};

/**
 * Fills the feature store at the first start: where the data folder holds none yet, each view whose `<view>.csv` is in
 * `features.seed_directory`. @returns the rows imported by view. @throws Error naming the file and its first bad row.
 */
export async function seedFeatures(config: Config): Promise<ReadonlyMap<string, number>> {
  const imported = new Map<string, number>();
  const { data, database } = config.inference_service;
  // What several instances share is filled by a person, once.
  if (database.url !== undefined || existsSync(dataPaths(data).features)) return imported;
  for (const { view, file } of seedFiles(config, await openViews(config))) {
    const { rows, problems } = await withStore(config, (store) => importFile(store, view, { file, view: view.name }));
    const bad = problems[0];
    if (bad !== undefined) throw new Error(`${file}:${bad.line}: ${bad.message}`);
    imported.set(view.name, rows);
  }
  return imported;
}

async function importFile(
  store: FeatureStore,
  view: FeatureView,
  { file, onProgress }: FeatureImport,
): Promise<FeatureImportResult> {
  const total = statSync(file).size;
  try {
    const progress = onProgress === undefined ? {} : { onProgress: (bytes: number) => onProgress(bytes, total) };
    const { rows, ignoredColumns } = await importFeatures({ csv: file, view, store, ...progress });
    return { rows, ignoredColumns, problems: [], problemCount: 0 };
  } catch (error) {
    if (!(error instanceof FeatureImportError)) throw error;
    const problems = error.problems.map(({ line, column, message }) => {
      return { line, message: column === undefined ? message : `${column}: ${message}` };
    });
    return { rows: 0, ignoredColumns: [], problems, problemCount: error.total };
  }
}

async function withStore<T>(config: Config, use: (store: FeatureStore) => Promise<T>): Promise<T> {
  mkdirSync(dataPaths(config.inference_service.data).root, { recursive: true, mode: 0o700 });
  const database = await openDatabase(config, silentPostgresObserver);
  const store = openFeatureStore(config, database);
  try {
    return await use(store);
  } finally {
    await store.close();
    await database?.close();
  }
}

async function viewOf(config: Config, name: string): Promise<FeatureView> {
  const views = await openViews(config);
  const view = views.get(name);
  if (view !== undefined) return view;
  const meant = nearestName(name, views.keys());
  const hint = meant === undefined ? `it has: ${[...views.keys()].join(', ') || 'no view'}` : `did you mean ${meant}?`;
  throw new Error(`${config.inference_service.features.file} has no view ${name}; ${hint}`);
}
