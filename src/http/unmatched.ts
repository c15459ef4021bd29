import type { FastifyInstance, FastifyRequest, HTTPMethods } from 'fastify';
import { ServiceError } from '../shared/errors.js';

/** Why no route answers: METHOD_NOT_ALLOWED with what is allowed where the path has routes for other methods, else NOT_FOUND. */
export function unmatched(app: FastifyInstance, request: FastifyRequest): ServiceError {
  const path = pathOf(request.raw.url ?? '/');
  const methods = (app.supportedMethods as HTTPMethods[]).filter(
    (method) => app.findRoute({ method, url: path }) !== null,
  );
  if (methods.length === 0) return new ServiceError('NOT_FOUND', 'There is nothing at this path');
  const allow = methods.join(', ');
  return new ServiceError('METHOD_NOT_ALLOWED', `This path answers ${allow}`, { details: { allow } });
}

/** The path of a request target in origin form or absolute form (RFC 9112 section 3.2), without its query. */
function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0];
  return path === undefined || path === '' ? '/' : path;
}
