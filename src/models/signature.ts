import type { FeatureType, FeatureValue } from '../shared/feature-value.js';

/** One feature as a model's manifest declares it. */
export interface FeatureSpec {
  readonly name: string;
  readonly type: FeatureType;
  /** Dimensions of one row's value; absent for a scalar. `[64]`, `[1, 28, 28]`. */
  readonly shape?: readonly number[];
  /** Bounds, inclusive; every element of an array must keep them. */
  readonly min?: number;
  readonly max?: number;
  readonly enum?: readonly (string | number)[];
  /** null is allowed: NaN for numbers, the empty string for strings. */
  readonly nullable: boolean;
  readonly default?: FeatureValue;
  /** The stored feature that supplies it when the caller does not. */
  readonly from?: { readonly view: string; readonly feature: string };
  readonly description?: string;
  readonly pii: boolean;
}

/** The values of one row, in the order of the version's `features`; every one already checked against its spec. */
export type FeatureRow = FeatureValue[];
