import type { Config } from '../config/schema.js';
import type { ModelControl } from '../models/index.js';
import type { FeatureView } from '../features/index.js';
import { Catalogue } from '../models/lifecycle/catalogue.js';
import { CatalogueControl } from '../models/lifecycle/catalogue-control.js';
import { VersionLoader } from '../models/lifecycle/version-loader.js';
import type { ModelsObserver } from '../models/observer.js';
import { loadMlflowRuntime } from '../models/runtimes/mlflow/load-mlflow-runtime.js';
import { loadOnnxRuntime } from '../models/runtimes/onnx/load-onnx-runtime.js';
import { loadOpenInferenceRuntime } from '../models/runtimes/open-inference/load-open-inference-runtime.js';
import type { ModelServers } from '../models/runtimes/remote/model-servers.js';
import { ControlledRegistry } from '../models/registry/controlled-registry.js';
import { UnloadedModels } from '../models/registry/unloaded-models.js';
import type { MlflowRegistry } from '../models/registry/mlflow/mlflow-registry.js';
import type { LoadRuntime } from '../models/runtime-loader.js';
import { systemClock } from '../shared/clock.js';
import { dataPaths } from './data-paths.js';
import { openRegistry } from './open-registry.js';
import { systemTimers } from '../shared/timers.js';

/** Rows of one version that may wait for a run: about a second's worth of a fast model. */
const queueRows = 20_000;

/** How versions compute: in this process, or on a model server. */
export function openLoader(config: Config, servers: ModelServers, observer: ModelsObserver): LoadRuntime {
  const { models: options } = config.inference_service;
  return async (source) => {
    const { name, remote } = source;
    if (remote === undefined) return loadOnnxRuntime({ ...source, options, observer, clock: systemClock });
    if (remote.runtime === 'open-inference')
      return loadOpenInferenceRuntime({ modelId: name.modelId, remote, servers });
    return loadMlflowRuntime({ modelId: name.modelId, folder: source.folder, remote, servers });
  };
}

/** What models come from, beside the folder. */
export interface ModelSources {
  readonly servers: ModelServers;
  readonly mlflow: MlflowRegistry | undefined;
}

/** The catalogue over the configured registries; nothing is read before it is started. */
export function openCatalogue(
  config: Config,
  views: ReadonlyMap<string, FeatureView>,
  { servers, mlflow }: ModelSources,
  observer: ModelsObserver,
): Catalogue {
  const { models: options } = config.inference_service;
  const clock = systemClock;
  const loader = new VersionLoader({
    loadRuntime: openLoader(config, servers, observer),
    views,
    serverUrl: config.inference_service.model_server.url,
    batchTimeUs: options.batch_time_us,
    explanationThresholdUs: options.batch_time_us,
    queueRows,
    clock,
    observer,
  });
  const all = openRegistry(config, servers, mlflow);
  const registry = options.allow_control ? new ControlledRegistry(all, unloadedModels(config)) : all;
  const catalogue = new Catalogue({ options, registry, loader, views, clock, timers: systemTimers, observer });
  mlflow?.onChange(() => void catalogue.look());
  return catalogue;
}

/** Loading and unloading by request; null where that is not allowed. */
export function openModelControl(config: Config, catalogue: Catalogue): ModelControl | null {
  if (!config.inference_service.models.allow_control) return null;
  return new CatalogueControl(catalogue, unloadedModels(config));
}

function unloadedModels(config: Config): UnloadedModels {
  return new UnloadedModels(dataPaths(config.inference_service.data).unloaded);
}
