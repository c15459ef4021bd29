import type { FeatureRow } from '../models/index.js';
import type { FeatureOrigin, FeatureValue } from '../shared/feature-value.js';
import type { FeaturePlan, ViewSource } from './feature-plan.js';
import type { Warning } from './types.js';

/** A row on its way to the model: each value with where it came from. Arrays run in the order of the version's features. */
export interface AssembledRow {
  /** undefined only where a lookup is still to come. */
  readonly row: (FeatureValue | undefined)[];
  readonly origins: FeatureOrigin[];
  /** Seconds since the stored row was updated; undefined where the value is not stored. */
  readonly ages: (number | null | undefined)[];
  readonly warnings: Warning[];
  lookups: readonly ViewSource[];
  readonly plan: FeaturePlan;
  /** The caller gave every feature. */
  allInline: boolean;
  storedValues: number;
  cachedValues: number;
}

/** `given`: all of the row's values in their order, where the caller gave them so; else they are still to be put into it. */
export function newAssembledRow(plan: FeaturePlan, given: FeatureValue[] | undefined): AssembledRow {
  const count = plan.version.features.length;
  return {
    row: given ?? new Array<FeatureValue | undefined>(count).fill(undefined),
    origins: given === undefined ? new Array<FeatureOrigin>(count).fill('request') : plan.allFromRequest,
    ages: [],
    warnings: [],
    lookups: [],
    plan,
    allInline: false,
    storedValues: 0,
    cachedValues: 0,
  };
}

/** The finished row. */
export function finishedRow(assembled: AssembledRow): FeatureRow {
  return assembled.row as FeatureRow;
}

/** At least one value came from a stored row, and all such values from the cache. */
export function isCached(assembled: AssembledRow | undefined): boolean {
  if (assembled === undefined) return false;
  return assembled.storedValues > 0 && assembled.cachedValues === assembled.storedValues;
}

/** Puts the default of a feature into the row, with a warning that says why. */
export function useDefault(plan: FeaturePlan, assembled: AssembledRow, index: number, because: string): void {
  const spec = plan.version.features[index];
  if (spec?.default === undefined) throw new Error('A feature without a default was to be defaulted');
  assembled.row[index] = spec.default;
  assembled.origins[index] = 'default';
  const message = `The default of ${spec.name} was used: ${because}`;
  assembled.warnings.push({ code: 'default_used', message, feature: spec.name });
}
