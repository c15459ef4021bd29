import { mayPredict, predictScope, type Principal } from '../access/index.js';
import { ServiceError } from '../shared/errors.js';

/** @throws ServiceError FORBIDDEN without the scope for this model, whether or not there is such a model. */
export function authorise(principal: Principal, modelId: string): void {
  if (mayPredict(principal, modelId)) return;
  const scope = predictScope(modelId);
  throw new ServiceError('FORBIDDEN', `The credentials lack the scope ${scope}`, { details: { scope } });
}
