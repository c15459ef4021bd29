import type { FastifyInstance, FastifyRequest } from 'fastify';
import { allows, maySee } from '../../access/index.js';
import type { ModelRepository } from '../../models/index.js';
import { ServiceError } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/json.js';
import { jsonReply } from '../reply-content.js';
import type { Responder } from '../responder.js';
import type { hookOf } from '../steps/step.js';

export interface RepositoryParts {
  readonly repository: ModelRepository;
  readonly responder: Responder;
}

/** The repository over REST. */
export function repositoryRoutes(
  app: FastifyInstance,
  onRequest: ReturnType<typeof hookOf>,
  parts: RepositoryParts,
): void {
  const { repository, responder } = parts;
  app.post('/v2/repository/index', { onRequest }, (request, reply) => {
    indexOf(request, parts)
      .then((index) => responder.send(request, reply, jsonReply(index)))
      .catch((thrown: unknown) => responder.error(request, reply, thrown));
  });
  for (const action of ['load', 'unload'] as const) {
    app.post(`/v2/repository/models/:model/${action}`, { onRequest }, (request, reply) => {
      change(request, action, repository)
        .then(() => responder.send(request, reply, jsonReply({})))
        .catch((thrown: unknown) => responder.error(request, reply, thrown));
    });
  }
}

async function indexOf(request: FastifyRequest, { repository }: RepositoryParts) {
  const { principal } = request.exchange;
  return repository.index((modelId) => maySee(principal, modelId), bodyOf(request)['ready'] === true);
}

async function change(request: FastifyRequest, action: 'load' | 'unload', repository: ModelRepository): Promise<void> {
  if (!allows(request.exchange.principal, 'admin')) throw new ServiceError('FORBIDDEN', 'This needs the scope admin');
  const { parameters } = bodyOf(request);
  await repository.change({
    action,
    modelId: (request.params as { model: string }).model,
    parameters: isPlainObject(parameters) ? Object.keys(parameters) : [],
  });
}

function bodyOf({ body }: FastifyRequest): Record<string, unknown> {
  if (!Buffer.isBuffer(body) || body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (isPlainObject(value)) return value;
  } catch (error) {
    throw new ServiceError('INVALID_REQUEST', 'The body is not valid JSON', { cause: error });
  }
  throw new ServiceError('INVALID_REQUEST', 'The body must be a JSON object');
}
