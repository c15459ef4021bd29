import { describe, expect, it } from 'vitest';
import { fakeVersion, feature } from '../../test/support/fakes.js';
import { ServiceError } from '../shared/errors.js';
import { startRow } from './assemble-features.js';
import { ParsedFeatures } from './body/given-features.js';
import { FeaturePlans } from './feature-plan.js';

const version = fakeVersion(['a', 'b', 'c'].map((name) => feature(name)));
const plan = new FeaturePlans(new Map()).of(version);
const rowOf = (object: object) => {
  const features = new ParsedFeatures(object);
  return { features, assembled: startRow(plan, { features, entities: {} }) };
};

function problemsOf(object: object): unknown[] {
  try {
    rowOf(object);
  } catch (error) {
    if (error instanceof ServiceError) return (error.details.errors ?? []).map(({ path, problem }) => [path, problem]);
    throw error;
  }
  return [];
}

describe('a row that the caller gave', () => {
  it('is the values themselves where they come in the order of the model', () => {
    const { features, assembled } = rowOf({ a: 1, b: 2, c: 3 });
    expect(assembled.row).toBe(features.values);
    expect(assembled).toMatchObject({ allInline: true, origins: ['request', 'request', 'request'], lookups: [] });
  });

  it('is put into that order where they do not', () => {
    const { assembled } = rowOf({ c: 3, a: 1, b: 2 });
    expect(assembled).toMatchObject({ row: [1, 2, 3], allInline: true, origins: ['request', 'request', 'request'] });
  });

  it('is refused with every problem, in whichever order and however much of it was given', () => {
    expect(problemsOf({ a: '1', b: 2, c: null })).toEqual(problemsOf({ b: 2, a: '1', c: null }));
    expect(problemsOf({ a: '1', b: 2, c: null })).toHaveLength(2);
    expect(problemsOf({ a: 1, b: 2 })).toEqual([['/features/c', 'missing']]);
    expect(problemsOf({ a: 1, b: 2, c: 3, d: 4 })).toEqual([['/features/d', 'unknown_feature']]);
    expect(problemsOf({ a: 1, b: 2, d: 4 })).toHaveLength(2);
  });
});
