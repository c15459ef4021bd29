import type { FeatureScalar, FeatureValue } from '../../shared/feature-value.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';

/** A row that fits the specs, made from defaults, enums and bounds. */
export function exampleRow(features: readonly FeatureSpec[]): FeatureRow {
  return features.map(exampleValue);
}

function exampleValue(spec: FeatureSpec): FeatureValue {
  if (spec.default !== undefined && spec.default !== null) return spec.default;
  const element = exampleElement(spec);
  return (spec.shape ?? []).reduceRight<FeatureValue>(
    (value, size) => new Array<FeatureValue>(size).fill(value),
    element,
  );
}

function exampleElement(spec: FeatureSpec): FeatureScalar {
  const [first] = spec.enum ?? [];
  if (first !== undefined) return first;
  if (spec.type === 'boolean') return false;
  if (spec.type === 'string') return 'text';
  return exampleNumber(spec);
}

/** The middle of the bounds; with one bound, the nearest to 0 that keeps it. */
function exampleNumber({ min, max, type }: FeatureSpec): number {
  const middle =
    min !== undefined && max !== undefined ? (min + max) / 2 : Math.min(max ?? Infinity, Math.max(min ?? -Infinity, 0));
  if (type !== 'integer') return middle;
  const whole = Math.floor(middle);
  return min !== undefined && whole < min ? Math.ceil(middle) : whole;
}

/** `{name: value}` of a row. */
export function namedRow(features: readonly FeatureSpec[], row: FeatureRow): Record<string, FeatureValue> {
  return Object.fromEntries(features.map((spec, index) => [spec.name, row[index] ?? null]));
}
