import type { VersionProblem } from '../version-problem.js';
import type { Registry, RegistryModel, RegistrySnapshot } from './registry.js';

/** Several registries as one. They are searched in order: a model that two of them hold is that of the first, and the second is told of. */
export class CombinedRegistry implements Registry {
  readonly #registries: readonly NamedRegistry[];

  constructor(registries: readonly NamedRegistry[]) {
    this.#registries = registries;
  }

  async scan(): Promise<RegistrySnapshot> {
    const snapshots = await Promise.all(this.#registries.map(({ registry }) => registry.scan()));
    const held = new Map<string, { readonly model: RegistryModel; readonly where: string }>();
    const problems: VersionProblem[] = [];
    snapshots.forEach((snapshot, index) => {
      const where = this.#registries[index]?.name ?? '';
      problems.push(...snapshot.problems);
      for (const model of snapshot.models) {
        const first = held.get(model.modelId);
        if (first === undefined) held.set(model.modelId, { model, where });
        else held.set(model.modelId, { ...first, model: withDoubled(first.model, first.where, where) });
      }
    });
    const models = [...held.values()].map(({ model }) => model);
    return {
      models: models.sort((a, b) => (a.modelId < b.modelId ? -1 : 1)),
      ignored: snapshots.flatMap(({ ignored }) => ignored),
      complete: snapshots.every(({ complete }) => complete),
      problems: models.length > 0 ? problems.filter(({ message }) => message !== emptyFolder) : problems,
    };
  }
}

export interface NamedRegistry {
  /** As people call it: `models.directory`, `model_server.url`. */
  readonly name: string;
  readonly registry: Registry;
}

/** A folder without models is no fault where another registry has some. */
const emptyFolder = 'the models folder holds no model';

function withDoubled(model: RegistryModel, first: string, second: string): RegistryModel {
  const message = `is in ${first} and in ${second}: that of ${first} serves`;
  const problem: VersionProblem = { file: model.modelId, message, severity: 'warning' };
  return { ...model, problems: [...model.problems, problem] };
}
