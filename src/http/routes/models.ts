import type { FastifyInstance } from 'fastify';
import {
  allows,
  maySee,
  requireSight,
  type Authenticator,
  type Principal,
  type RateLimiter,
} from '../../access/index.js';
import type { ModelCatalogue, ModelDescription, VersionDescription } from '../../models/index.js';
import { ServiceError } from '../../shared/errors.js';
import { modelIdPattern } from '../../shared/names.js';
import { jsonReply } from '../reply-content.js';
import type { Responder } from '../responder.js';
import { authenticate, limitRate } from '../steps/access.js';
import { hookOf, inOrder } from '../steps/step.js';

export interface ModelRouteParts {
  readonly catalogue: ModelCatalogue;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter | null;
  readonly responder: Responder;
}

/** The catalogue, as far as the caller may see it: all of it with models:read, else the models that it may ask for predictions. */
export function modelRoutes(
  app: FastifyInstance,
  { catalogue, authenticator, limiter, responder }: ModelRouteParts,
): void {
  const onRequest = hookOf(inOrder(authenticate(authenticator), limitRate(limiter)));

  app.get('/v1/models', { onRequest }, (request, reply) => {
    const models = visibleModels(catalogue, request.exchange.principal);
    responder.send(request, reply, jsonReply({ models }));
  });

  app.get<{ Params: { model_id: string } }>('/v1/models/:model_id', { onRequest }, (request, reply) => {
    const model = findModel(catalogue, request.exchange.principal, request.params.model_id);
    responder.send(request, reply, jsonReply(model));
  });

  app.get<{ Params: { model_id: string; version: string } }>(
    '/v1/models/:model_id/versions/:version',
    { onRequest },
    (request, reply) => {
      const model = findModel(catalogue, request.exchange.principal, request.params.model_id);
      const version = findVersion(model, request.params.version);
      responder.send(request, reply, jsonReply({ model_id: model.model_id, ...version }));
    },
  );
}

function visibleModels(catalogue: ModelCatalogue, principal: Principal): readonly ModelDescription[] {
  const mayList = allows(principal, 'models:read') || principal.scopes.some((scope) => scope.startsWith('predict:'));
  if (!mayList) throw new ServiceError('FORBIDDEN', 'This needs the scope models:read');
  return catalogue.list().filter((model) => maySee(principal, model.model_id));
}

/** @throws ServiceError FORBIDDEN whether or not the model exists; MODEL_NOT_FOUND. */
function findModel(catalogue: ModelCatalogue, principal: Principal, modelId: string): ModelDescription {
  requireSight(principal, modelId);
  const model = catalogue.describe(modelId);
  if (model !== undefined) return model;
  // An id that no model can have is not repeated to the caller.
  if (!modelIdPattern.test(modelId)) throw new ServiceError('MODEL_NOT_FOUND', 'No model can have this id');
  throw new ServiceError('MODEL_NOT_FOUND', `Model '${modelId}' not found`, { details: { model_id: modelId } });
}

function findVersion(model: ModelDescription, version: string): VersionDescription {
  const found = model.versions.find((candidate) => candidate.version === version);
  if (found !== undefined) return found;
  throw new ServiceError('MODEL_NOT_FOUND', `Model '${model.model_id}' has no such version`, {
    details: { model_id: model.model_id, versions: model.versions.map((candidate) => candidate.version) },
  });
}
