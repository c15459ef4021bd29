import { allows, maySee, type Principal } from '../access/index.js';
import type { ModelRepository } from '../models/index.js';
import { ServiceError } from '../shared/errors.js';
import type { RepositoryChangeMessage, RepositoryIndexMessage } from './messages.js';

/** The repository over gRPC. */
export class RepositoryCalls {
  readonly #repository: ModelRepository;

  constructor(repository: ModelRepository) {
    this.#repository = repository;
  }

  /** @throws ServiceError INVALID_REQUEST */
  async index(message: RepositoryIndexMessage, principal: Principal): Promise<object> {
    refuseNamed(message);
    return { models: await this.#repository.index((modelId) => maySee(principal, modelId), message.ready) };
  }

  /** @throws ServiceError FORBIDDEN, INVALID_REQUEST, MODEL_NOT_FOUND, SERVICE_UNAVAILABLE */
  async change(action: 'load' | 'unload', message: RepositoryChangeMessage, principal: Principal): Promise<object> {
    if (!allows(principal, 'admin')) throw new ServiceError('FORBIDDEN', 'This needs the scope admin');
    refuseNamed(message);
    const { model_name: modelId, parameters } = message;
    await this.#repository.change({ action, modelId, parameters: Object.keys(parameters) });
    return {};
  }
}

function refuseNamed({ repository_name }: { readonly repository_name: string }): void {
  if (repository_name === '') return;
  throw new ServiceError('INVALID_REQUEST', 'There is one repository, and it has no name: leave repository_name empty');
}
