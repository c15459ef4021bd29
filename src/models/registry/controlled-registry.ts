import { messageOf } from '../../shared/errors.js';
import type { Registry, RegistrySnapshot } from './registry.js';
import type { UnloadedModels } from './unloaded-models.js';

/** A registry without the models that were unloaded by request. While it cannot be known which those are, they are the ones of the last look. */
export class ControlledRegistry implements Registry {
  readonly #registry: Registry;
  readonly #unloaded: Pick<UnloadedModels, 'list'>;
  #withdrawn: ReadonlySet<string> = new Set();

  constructor(registry: Registry, unloaded: Pick<UnloadedModels, 'list'>) {
    this.#registry = registry;
    this.#unloaded = unloaded;
  }

  async scan(): Promise<RegistrySnapshot> {
    const snapshot = await this.#registry.scan();
    const problem = await this.#refresh();
    const withdrawn = this.#withdrawn;
    return {
      ...snapshot,
      models: snapshot.models.filter(({ modelId }) => !withdrawn.has(modelId)),
      withdrawn,
      problems: problem === undefined ? snapshot.problems : [...snapshot.problems, problem],
    };
  }

  async #refresh() {
    try {
      this.#withdrawn = await this.#unloaded.list();
      return undefined;
    } catch (error) {
      const message = `which models were unloaded could not be read: ${messageOf(error)}`;
      return { file: 'unloaded', message, severity: 'warning' as const };
    }
  }
}
