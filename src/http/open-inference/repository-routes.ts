import type { FastifyInstance, FastifyRequest } from 'fastify';
import { allows, type Principal } from '../../access/index.js';
import { repositoryIndex, type ModelCatalogue, type ModelControl } from '../../models/index.js';
import { ServiceError } from '../../shared/errors.js';
import { isPlainObject } from '../../shared/json.js';
import { jsonReply } from '../reply-content.js';
import type { Responder } from '../responder.js';
import type { hookOf } from '../steps/step.js';

export interface RepositoryParts {
  readonly catalogue: ModelCatalogue;
  /** null: nothing is loaded or unloaded by request. */
  readonly control: ModelControl | null;
  readonly responder: Responder;
  readonly maySee: (principal: Principal, modelId: string) => boolean;
}

/** Triton's extension model_repository (extension_model_repository.md): what there is, and loading and unloading by request. */
export function repositoryRoutes(
  app: FastifyInstance,
  onRequest: ReturnType<typeof hookOf>,
  parts: RepositoryParts,
): void {
  const { control, responder } = parts;
  app.post('/v2/repository/index', { onRequest }, (request, reply) => {
    indexOf(request, parts)
      .then((index) => responder.send(request, reply, jsonReply(index)))
      .catch((thrown: unknown) => responder.error(request, reply, thrown));
  });
  for (const action of ['load', 'unload'] as const) {
    app.post(`/v2/repository/models/:model/${action}`, { onRequest }, (request, reply) => {
      change(request, action, control)
        .then(() => responder.send(request, reply, jsonReply({})))
        .catch((thrown: unknown) => responder.error(request, reply, thrown));
    });
  }
}

async function indexOf(request: FastifyRequest, { catalogue, control, maySee }: RepositoryParts) {
  const { principal } = request.exchange;
  const seen = (modelId: string) => maySee(principal, modelId);
  return repositoryIndex(
    catalogue.list().filter(({ model_id }) => seen(model_id)),
    { onlyReady: bodyOf(request)['ready'] === true, unloaded: ((await control?.unloaded()) ?? []).filter(seen) },
  );
}

async function change(request: FastifyRequest, action: 'load' | 'unload', control: ModelControl | null): Promise<void> {
  if (!allows(request.exchange.principal, 'admin')) throw new ServiceError('FORBIDDEN', 'This needs the scope admin');
  if (control === null) {
    throw new ServiceError(
      'FORBIDDEN',
      'Models are not loaded and unloaded by request here: models.allow_control is off',
    );
  }
  const { parameters } = bodyOf(request);
  const given = isPlainObject(parameters) ? Object.keys(parameters) : [];
  if (given.some((name) => name === 'config' || name.startsWith('file:'))) {
    throw new ServiceError(
      'INVALID_REQUEST',
      'A model comes from its registry only: neither config nor files are taken',
    );
  }
  await control[action]((request.params as { model: string }).model);
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
