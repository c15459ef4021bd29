import { allows, type Principal } from '../access/index.js';
import { ServiceError } from '../shared/errors.js';

export function maySee(principal: Principal, modelId: string): boolean {
  return allows(principal, 'models:read') || allows(principal, `predict:${modelId}`);
}

/** @throws ServiceError FORBIDDEN */
export function requireSight(principal: Principal, modelId: string): void {
  if (maySee(principal, modelId)) return;
  throw new ServiceError('FORBIDDEN', 'This needs the scope models:read, or predict for this model');
}
