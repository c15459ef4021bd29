import path from 'node:path';
import type { Config } from '../config/schema.js';
import { CombinedRegistry, type NamedRegistry } from '../models/registry/combined-registry.js';
import { DirectoryRegistry } from '../models/registry/directory-registry.js';
import type { Registry } from '../models/registry/registry.js';
import { RemoteRegistry } from '../models/registry/remote-registry.js';
import { listModelsOf } from '../models/runtimes/open-inference/list-models.js';
import type { ModelServers } from '../models/runtimes/remote/model-servers.js';

/** Where models come from: the folder, then MLflow, then what the model server holds beside them. */
export function openRegistry(config: Config, servers: ModelServers, mlflow: Registry | undefined): Registry {
  const { models: options, model_server: server } = config.inference_service;
  const others: NamedRegistry[] = [];
  if (mlflow !== undefined) others.push({ name: 'mlflow.tracking_uri', registry: mlflow });
  if (server.url !== undefined) {
    const { url, models, timeout_ms: timeoutMs } = server;
    const list = listModelsOf({ client: servers.client(url), url, models, timeoutMs });
    others.push({ name: 'model_server.url', registry: new RemoteRegistry({ url, list }) });
  }
  const directory = path.resolve(options.directory);
  const folder = new DirectoryRegistry({ directory, modelId: options.model_id, optional: others.length > 0 });
  if (others.length === 0) return folder;
  return new CombinedRegistry([{ name: 'models.directory', registry: folder }, ...others]);
}
