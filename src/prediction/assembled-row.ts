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

/** A row whose values are still to be put into it. */
export function emptyRow(plan: FeaturePlan): AssembledRow {
  const count = plan.version.features.length;
  const row = new Array<FeatureValue | undefined>(count).fill(undefined);
  return newRow(plan, row, new Array<FeatureOrigin>(count).fill('request'));
}

/** A row of which the caller gave all values, in its order: they are it. */
export function givenRow(plan: FeaturePlan, values: FeatureValue[]): AssembledRow {
  const assembled = newRow(plan, values, plan.allFromRequest);
  assembled.allInline = true;
  return assembled;
}

function newRow(plan: FeaturePlan, row: AssembledRow['row'], origins: FeatureOrigin[]): AssembledRow {
  return {
    row,
    origins,
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
