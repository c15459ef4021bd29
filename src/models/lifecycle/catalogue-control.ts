import { ServiceError } from '../../shared/errors.js';
import { modelIdPattern } from '../../shared/names.js';
import type { ModelControl } from '../catalogue.js';
import type { UnloadedModels } from '../registry/unloaded-models.js';
import type { Catalogue } from './catalogue.js';

/** Loads and unloads the models of a catalogue over a `ControlledRegistry`. */
export class CatalogueControl implements ModelControl {
  readonly #catalogue: Pick<Catalogue, 'look' | 'takeUp' | 'describe'>;
  readonly #unloaded: UnloadedModels;

  constructor(catalogue: Pick<Catalogue, 'look' | 'takeUp' | 'describe'>, unloaded: UnloadedModels) {
    this.#catalogue = catalogue;
    this.#unloaded = unloaded;
  }

  async load(modelId: string): Promise<void> {
    if (!modelIdPattern.test(modelId)) throw notFound(modelId);
    await this.#unloaded.remove(modelId);
    await this.#catalogue.takeUp();
    const model = this.#catalogue.describe(modelId);
    if (model === undefined) throw notFound(modelId);
    if (model.versions.some(({ state }) => state === 'ready')) return;
    const reasons = [
      ...model.problems,
      ...model.versions.flatMap(({ version, reasons: of }) => of.map((one) => `${version}: ${one}`)),
    ];
    const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
    throw new ServiceError('SERVICE_UNAVAILABLE', `No version of the model could be loaded${why}`, {
      details: { model_id: modelId },
      retryAfterSeconds: 1,
    });
  }

  async unload(modelId: string): Promise<void> {
    const known = this.#catalogue.describe(modelId) !== undefined || (await this.unloaded()).includes(modelId);
    if (!known) throw notFound(modelId);
    await this.#unloaded.add(modelId);
    // The first may have begun before.
    await this.#catalogue.look();
    await this.#catalogue.look();
  }

  async unloaded(): Promise<readonly string[]> {
    return [...(await this.#unloaded.list())].sort();
  }
}

function notFound(modelId: string): ServiceError {
  const shown = modelIdPattern.test(modelId) ? ` '${modelId}'` : '';
  return new ServiceError('MODEL_NOT_FOUND', `Model${shown} not found`, { details: { model_id: modelId } });
}
