import path from 'node:path';
import type { Config } from '../config/schema.js';
import { CombinedRegistry } from '../models/registry/combined-registry.js';
import { DirectoryRegistry } from '../models/registry/directory-registry.js';
import type { Registry } from '../models/registry/registry.js';
import { RemoteRegistry } from '../models/registry/remote-registry.js';
import { listModelsOf } from '../models/runtimes/open-inference/list-models.js';
import type { ModelServers } from '../models/runtimes/remote/model-servers.js';

/** Where models come from: the folder, then what the model server holds beside it. */
export function openRegistry(config: Config, servers: ModelServers): Registry {
  const { models: options, model_server: server } = config.inference_service;
  const folder = new DirectoryRegistry({ directory: path.resolve(options.directory), modelId: options.model_id });
  if (server.url === undefined) return folder;
  const { url, models, timeout_ms: timeoutMs } = server;
  const list = listModelsOf({ client: servers.client(url), url, models, timeoutMs });
  return new CombinedRegistry([
    { name: 'models.directory', registry: folder },
    { name: 'model_server.url', registry: new RemoteRegistry({ url, list }) },
  ]);
}
