import { describe, expect, it } from 'vitest';
import { ServiceError } from '../shared/errors.js';
import { loggedMessage, loggedProblems } from './refusal.js';

describe('what the log says of a refusal', () => {
  it.each([
    ['/features/age', 'wrong_type', '/features/age'],
    ['/instances/3/features/age', 'missing', '/instances/3/features/age'],
    ['/features/SENT', 'unknown_feature', '/features'],
    ['/SENT', 'unknown_field', ''],
    ['/entities/SENT', 'wrong_type', '/entities'],
    ['/instances/3/SENT', 'unknown_field', '/instances/3'],
    ['/options/SENT', 'unknown_field', '/options'],
  ])('at %s: %s', (path, problem, logged) => {
    const error = new ServiceError('INVALID_REQUEST', `see ${path}`, { details: { errors: [{ path, problem }] } });
    expect(loggedProblems(error)).toEqual([{ path: logged, problem }]);
    expect(loggedMessage(error)).toBe('Request validation failed');
  });

  it('keeps words that are ours', () => {
    const error = new ServiceError('UNAUTHORIZED', 'The key is not valid');
    expect([loggedMessage(error), loggedProblems(error)]).toEqual(['The key is not valid', undefined]);
  });
});
