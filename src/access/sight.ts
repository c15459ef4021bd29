import { ServiceError } from '../shared/errors.js';
import { allows, mayPredict, type Principal } from './principal.js';

/** Whether it may know of this model. */
export function maySee(principal: Principal, modelId: string): boolean {
  return allows(principal, 'models:read') || mayPredict(principal, modelId);
}

/** @throws ServiceError FORBIDDEN */
export function requireSight(principal: Principal, modelId: string): void {
  if (maySee(principal, modelId)) return;
  throw new ServiceError('FORBIDDEN', 'This needs the scope models:read, or predict for this model');
}
