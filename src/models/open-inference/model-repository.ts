import type { ModelCatalogue, ModelControl } from '../catalogue.js';
import { ServiceError } from '../../shared/errors.js';
import { repositoryIndex, type IndexEntry } from './repository-index.js';

export interface RepositoryChange {
  readonly action: 'load' | 'unload';
  readonly modelId: string;
  /** Names of the parameters that the request gives. */
  readonly parameters: readonly string[];
}

/** Triton's extension model_repository (extension_model_repository.md), behind REST and gRPC: what there is, loading and unloading by request. */
export class ModelRepository {
  readonly #catalogue: ModelCatalogue;
  readonly #control: ModelControl | null;

  /** control null: nothing is loaded or unloaded by request. */
  constructor(catalogue: ModelCatalogue, control: ModelControl | null) {
    this.#catalogue = catalogue;
    this.#control = control;
  }

  /** What the metadata of the server name: the extension only where all of it may be used. */
  get extensions(): readonly string[] {
    return this.#control === null ? [] : ['model_repository'];
  }

  async index(maySee: (modelId: string) => boolean, onlyReady: boolean): Promise<readonly IndexEntry[]> {
    const unloaded = (await this.#control?.unloaded()) ?? [];
    return repositoryIndex(
      this.#catalogue.list().filter(({ model_id }) => maySee(model_id)),
      { onlyReady, unloaded: unloaded.filter(maySee) },
    );
  }

  /** Of a caller with the scope admin. @throws ServiceError FORBIDDEN, INVALID_REQUEST, and as ModelControl */
  async change({ action, modelId, parameters }: RepositoryChange): Promise<void> {
    if (this.#control === null) {
      throw new ServiceError(
        'FORBIDDEN',
        'Models are not loaded and unloaded by request here: models.allow_control is off',
      );
    }
    if (parameters.some((name) => name === 'config' || name.startsWith('file:'))) {
      throw new ServiceError(
        'INVALID_REQUEST',
        'A model comes from its registry only: neither config nor files are taken',
      );
    }
    await this.#control[action](modelId);
  }
}
