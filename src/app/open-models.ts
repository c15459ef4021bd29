import path from 'node:path';
import type { Config } from '../config/schema.js';
import type { FeatureView } from '../features/index.js';
import { Catalogue } from '../models/lifecycle/catalogue.js';
import { systemTimers } from '../models/lifecycle/timers.js';
import { VersionLoader } from '../models/lifecycle/version-loader.js';
import type { ModelsObserver } from '../models/observer.js';
import { DirectoryRegistry } from '../models/registry/directory-registry.js';
import { loadOnnxRuntime } from '../models/runtimes/onnx/load-onnx-runtime.js';
import { systemClock } from '../shared/clock.js';

/** Rows of one version that may wait for a run: about a second's worth of a fast model. */
const queueRows = 20_000;

/** The catalogue over the configured folder; nothing is read before it is started. */
export function openCatalogue(
  config: Config,
  views: ReadonlyMap<string, FeatureView>,
  observer: ModelsObserver,
): Catalogue {
  const { models: options } = config.inference_service;
  const clock = systemClock;
  const loader = new VersionLoader({
    loadRuntime: (source) => loadOnnxRuntime({ ...source, options, observer, clock }),
    views,
    batchTimeUs: options.batch_time_us,
    queueRows,
    clock,
    observer,
  });
  const registry = new DirectoryRegistry({ directory: path.resolve(options.directory), modelId: options.model_id });
  return new Catalogue({ options, registry, loader, views, clock, timers: systemTimers, observer });
}
