import { nodeMode } from '../../trees/tree-ensemble.js';
import { nextDown, nextUp, type Precision } from './next-float.js';

/** Where a test leads: a node of the ensemble, or another test. */
export type Target = number | UniformTest;

/**
 * The one question that a compiled tree asks: `x ≤ bound`, of a feature or of its negative. NaN always answers no, so that it goes
 * where `otherwise` leads.
 */
export interface UniformTest {
  readonly negated: boolean;
  readonly bound: number;
  readonly holds: Target;
  readonly otherwise: Target;
}

/** A node of an ensemble, without its feature. */
export interface Split {
  readonly mode: number;
  readonly threshold: number;
  readonly missingTracksTrue: boolean;
  readonly whenTrue: number;
  readonly whenFalse: number;
  /** The values of a MEMBER node. */
  readonly members?: Float64Array;
}

/**
 * Turns any comparison into that question, exactly, for numbers of the given precision: `x < t` is `x ≤ the number before t`, `x > t` is
 * `-x ≤ the number before -t`, and where NaN must go the way of "true" the opposite is asked. Equality takes two questions.
 */
export function uniformTest(split: Split, precision: Precision): UniformTest {
  const { mode, threshold, missingTracksTrue, whenTrue, whenFalse } = split;
  switch (mode) {
    case nodeMode.LEQ:
    case nodeMode.LT:
    case nodeMode.GTE:
    case nodeMode.GT:
      return missingTracksTrue
        ? { ...negation(mode, threshold, precision), holds: whenFalse, otherwise: whenTrue }
        : { ...range(mode, threshold, precision), holds: whenTrue, otherwise: whenFalse };
    case nodeMode.NEQ:
      return membership([threshold], whenFalse, whenTrue);
    default: {
      const test = membership(split.members ?? [threshold], whenTrue, whenFalse);
      return missingTracksTrue ? { ...anyNumber, holds: test, otherwise: whenTrue } : test;
    }
  }
}

type RangeMode = typeof nodeMode.LEQ | typeof nodeMode.LT | typeof nodeMode.GTE | typeof nodeMode.GT;
type Range = Pick<UniformTest, 'negated' | 'bound'>;

const anyNumber: Range = { negated: false, bound: Infinity };

const opposite = {
  [nodeMode.LEQ]: nodeMode.GT,
  [nodeMode.LT]: nodeMode.GTE,
  [nodeMode.GTE]: nodeMode.LT,
  [nodeMode.GT]: nodeMode.LEQ,
} as const;

/** No number compares with a NaN threshold: its opposite holds for every number. */
function negation(mode: RangeMode, threshold: number, precision: Precision): Range {
  return Number.isNaN(threshold) ? anyNumber : range(opposite[mode], threshold, precision);
}

function range(mode: RangeMode, threshold: number, precision: Precision): Range {
  switch (mode) {
    case nodeMode.LEQ:
      return { negated: false, bound: threshold };
    case nodeMode.LT:
      return { negated: false, bound: threshold === -Infinity ? NaN : nextDown(threshold, precision) };
    case nodeMode.GTE:
      return { negated: true, bound: -threshold };
    case nodeMode.GT:
      return { negated: true, bound: threshold === Infinity ? NaN : -nextUp(threshold, precision) };
  }
}

/** Leads to `equal` when x is one of the values, else to `other`, NaN included. */
function membership(values: ArrayLike<number>, equal: Target, other: Target): UniformTest {
  let test: Target = other;
  for (let at = values.length - 1; at >= 0; at--) {
    const value = values[at] ?? NaN;
    test = {
      negated: false,
      bound: value,
      holds: { negated: true, bound: -value, holds: equal, otherwise: test },
      otherwise: test,
    };
  }
  return typeof test === 'number' ? { ...anyNumber, holds: other, otherwise: other } : test;
}
