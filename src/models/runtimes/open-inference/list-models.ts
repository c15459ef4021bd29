import { isPlainObject } from '../../../shared/json.js';
import type { ListedModel, ListModels } from '../../registry/remote-registry.js';
import { remoteModel } from './remote-model.js';
import type { ServerClient } from '../remote/server-client.js';
import { fetchJson } from './signature-watch.js';

export interface ListModelsOptions {
  readonly client: ServerClient;
  readonly url: string;
  /** model_server.models; empty: all that its repository index lists as ready. */
  readonly models: readonly string[];
  readonly timeoutMs: number;
}

const longestListMs = 2000;
const maxIndexBytes = 4 << 20;

/** What a model server holds: by its repository index, or model by model where the configuration names them. */
export function listModelsOf({ client, url, models, timeoutMs }: ListModelsOptions): ListModels {
  const limits = { timeoutMs: Math.min(timeoutMs, longestListMs) };
  if (models.length === 0) return () => indexOf(client, limits.timeoutMs);
  return async () => {
    const found = await Promise.all(models.map((model) => namedModel(client, { url, model }, limits)));
    return found.flatMap((model) => model ?? []);
  };
}

async function indexOf(client: ServerClient, timeoutMs: number): Promise<readonly ListedModel[]> {
  const { status, body } = await client.call({
    method: 'POST',
    path: '/v2/repository/index',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    maxBytes: maxIndexBytes,
    timeoutMs,
  });
  if (status !== 200) throw new Error(`it lists no models (status ${status}): name them in model_server.models`);
  const entries: unknown = JSON.parse(body.toString('utf8'));
  if (!Array.isArray(entries)) throw new Error('its repository index is no list');
  const versions = new Map<string, string[]>();
  for (const entry of entries) {
    if (!isPlainObject(entry) || typeof entry['name'] !== 'string' || !isReady(entry['state'])) continue;
    const known = versions.get(entry['name']) ?? [];
    if (typeof entry['version'] === 'string' && entry['version'] !== '') known.push(entry['version']);
    versions.set(entry['name'], known);
  }
  return [...versions].map(([model, names]) => ({ model, versions: names }));
}

/** Servers that leave the state out list what can be used. */
function isReady(state: unknown): boolean {
  return state === 'READY' || state === '' || state === undefined;
}

async function namedModel(
  client: ServerClient,
  { url, model }: { readonly url: string; readonly model: string },
  limits: { readonly timeoutMs: number },
): Promise<ListedModel | undefined> {
  const { path } = remoteModel({ runtime: 'open-inference', url, model, version: undefined });
  const metadata = await fetchJson(client, path, limits);
  if (!isPlainObject(metadata)) return undefined;
  const versions = Array.isArray(metadata['versions']) ? metadata['versions'] : [];
  return { model, versions: versions.filter((version) => typeof version === 'string') };
}
