import type { Clock } from '../shared/clock.js';
import { Catalogue } from './lifecycle/catalogue.js';
import type { FeatureViewSources } from './lifecycle/stored-features.js';
import { systemTimers, type Timers } from './lifecycle/timers.js';
import { VersionLoader } from './lifecycle/version-loader.js';
import type { ModelsObserver } from './observer.js';
import type { ModelsOptions } from './options.js';
import { DirectoryRegistry } from './registry/directory-registry.js';
import type { Registry } from './registry/registry.js';
import type { LoadRuntime } from './runtime-loader.js';

export interface CreateCatalogueOptions {
  readonly options: ModelsOptions;
  /** The folder registry of `options.directory` when left out. */
  readonly registry?: Registry;
  readonly loadRuntime: LoadRuntime;
  /** The feature views of features.yaml, by name. */
  readonly views: FeatureViewSources;
  readonly clock: Clock;
  /** The process's own timers when left out. */
  readonly timers?: Timers;
  readonly observer: ModelsObserver;
  /** Rows that may wait for a run, each version; 10,000 when left out. */
  readonly queueRows?: number;
}

/** The catalogue of a process. Does nothing until `start`. */
export function createCatalogue(parts: CreateCatalogueOptions): Catalogue {
  const { options, views, clock, observer, loadRuntime, timers = systemTimers, queueRows = 10_000 } = parts;
  const { directory, model_id, batch_time_us } = options;
  const registry = parts.registry ?? new DirectoryRegistry({ directory, modelId: model_id });
  const loader = new VersionLoader({ loadRuntime, views, batchTimeUs: batch_time_us, queueRows, clock, observer });
  return new Catalogue({ options, registry, loader, views, clock, timers, observer });
}
