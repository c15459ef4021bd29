import { allows, type Principal } from '../access/index.js';
import { ServiceError } from '../shared/errors.js';

/** @throws ServiceError FORBIDDEN without the scope for this model, whether or not there is such a model. */
export function authorise(principal: Principal, modelId: string): void {
  const scope = `predict:${modelId}`;
  if (allows(principal, scope)) return;
  throw new ServiceError('FORBIDDEN', `The credentials lack the scope ${scope}`, { details: { scope } });
}
