import { describe, expect, it } from 'vitest';
import { prefersProblem } from './error-body.js';

const problem = 'application/problem+json';

describe('prefersProblem', () => {
  it.each([
    [undefined, false],
    ['*/*', false],
    ['application/json', false],
    [problem, true],
    [`application/json, ${problem}`, true],
    [`application/json, ${problem};q=0.9`, false],
    [`application/json;q=0.5, ${problem} ; q=0.9`, true],
    [`${problem};q=0`, false],
    [`${problem};q=x`, false],
    ['Application/Problem+JSON', true],
  ])('%s: %s', (accept, expected) => expect(prefersProblem(accept)).toBe(expected));
});
