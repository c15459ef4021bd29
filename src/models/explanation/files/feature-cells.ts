import type { FeatureScalar, FeatureValue } from '../../../shared/feature-value.js';
import type { FeatureRow, FeatureSpec } from '../../signature.js';

/** What one cell of a file of rows holds: a scalar feature, or one element of an array feature. */
export interface FeatureCell {
  /** Position in the version's `features`. */
  readonly feature: number;
  /** `credit_score`, `pixels[12]`, `image[0][3]`. */
  readonly name: string;
  /** Place in the flat array; absent for scalars. */
  readonly element?: number;
}

/** The cells of a row, feature by feature; the elements of an array in row-major order. */
export function cellsOf(features: readonly FeatureSpec[]): readonly FeatureCell[] {
  return features.flatMap((spec, feature) =>
    spec.shape === undefined
      ? [{ feature, name: spec.name }]
      : suffixes(spec.shape).map((suffix, element) => ({ feature, name: spec.name + suffix, element })),
  );
}

function suffixes(shape: readonly number[]): readonly string[] {
  return shape.reduce<readonly string[]>(
    (before, size) => before.flatMap((suffix) => Array.from({ length: size }, (_, at) => `${suffix}[${at}]`)),
    [''],
  );
}

/** The row that has these values; arrays are flat. */
export function rowOf(cells: readonly FeatureCell[], values: readonly FeatureScalar[], features: number): FeatureRow {
  const row = new Array<FeatureValue>(features).fill(null);
  const arrays = new Map<number, FeatureScalar[]>();
  cells.forEach(({ feature, element }, at) => {
    const value = values[at] ?? null;
    if (element === undefined) row[feature] = value;
    else arrays.set(feature, [...(arrays.get(feature) ?? []), value]);
  });
  for (const [feature, elements] of arrays) row[feature] = elements;
  return row;
}
