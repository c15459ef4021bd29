import { modelIdPattern } from '../../../shared/names.js';
import type { IgnoredFolder } from '../registry.js';
import type { MlflowClient } from './mlflow-client.js';
import {
  findRegisteredModels,
  findVersion,
  highestVersions,
  listRegisteredModels,
  type MlflowVersion,
  type RegisteredModel,
} from './registered-models.js';
import { indexModel, namedVersions, type IndexedModel } from './registry-index.js';

export interface LookUpOptions {
  /** model_id → registered name, for names that are no model_id. */
  readonly names: ReadonlyMap<string, string>;
  /** model_ids to serve; empty: all. */
  readonly include: readonly string[];
  /** So many of the highest versions are served beside those that aliases and stages name. */
  readonly versions: number;
  readonly productionAlias: string;
}

export interface LookUpResult {
  readonly models: readonly IndexedModel[];
  readonly ignored: readonly IgnoredFolder[];
}

interface KnownVersions {
  /** Changes with everything that could change the list. */
  readonly stamp: string;
  readonly versions: readonly MlflowVersion[];
}

/** Asks MLflow what is to be served: one call, and a few more for a model in which something changed. */
export class LookUp {
  readonly #client: MlflowClient;
  readonly #options: LookUpOptions;
  readonly #ids: ReadonlyMap<string, string>;
  #known = new Map<string, KnownVersions>();

  constructor(client: MlflowClient, options: LookUpOptions) {
    this.#client = client;
    this.#options = options;
    this.#ids = new Map([...options.names].map(([modelId, name]) => [name, modelId]));
  }

  /** @throws MlflowFault */
  async ask(): Promise<LookUpResult> {
    const { include, names, productionAlias } = this.#options;
    const registered =
      include.length === 0
        ? await listRegisteredModels(this.#client)
        : await findRegisteredModels(
            this.#client,
            include.map((modelId) => names.get(modelId) ?? modelId),
          );
    const known = new Map<string, KnownVersions>();
    const ignored: IgnoredFolder[] = [];
    const models: IndexedModel[] = [];
    for (const model of registered) {
      const modelId = this.#ids.get(model.name) ?? model.name;
      if (modelIdPattern.test(modelId)) {
        const kept = await this.#versions(model);
        known.set(model.name, kept);
        models.push(indexModel(modelId, model, kept.versions, productionAlias));
      } else ignored.push({ folder: model.name, reason: 'its name is no model_id: give it one in mlflow.models' });
    }
    this.#known = known;
    return { models, ignored };
  }

  async #versions(model: RegisteredModel): Promise<KnownVersions> {
    const stamp = JSON.stringify([model.updated, [...model.aliases], model.latest]);
    const known = this.#known.get(model.name);
    if (known?.stamp === stamp) return known;
    const { name, latest } = model;
    const found = new Map<string, MlflowVersion>();
    const highest = await highestVersions(this.#client, name, this.#options.versions);
    for (const version of [...highest, ...latest]) found.set(version.version, version);
    const named = namedVersions(model);
    for (const version of named) {
      const missing = found.has(version) ? undefined : await findVersion(this.#client, name, version);
      if (missing !== undefined) found.set(version, missing);
    }
    const wanted = new Set([...highest.map(({ version }) => version), ...named]);
    return { stamp, versions: [...found.values()].filter(({ version }) => wanted.has(version)) };
  }
}
