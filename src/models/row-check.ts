import type { FeatureCheck } from './catalogue.js';
import { numberBounds, type EncodableRange } from './feature-check.js';
import type { FeatureSpec } from './signature.js';

/**
 * Compiles whether a whole row fits, values in the order of `specs`: the answer of all `checks` together, for a tenth of their cost
 * where features are plain numbers. What is wrong with a row that does not fit, the checks say.
 */
export function compileRowCheck(
  specs: readonly FeatureSpec[],
  ranges: readonly (EncodableRange | undefined)[],
  checks: readonly FeatureCheck[],
): (row: readonly unknown[]) => boolean {
  const bounds = specs.map((spec, index) => plainBounds(spec, ranges[index]));
  const least = Float64Array.from(bounds, ({ min }) => min);
  const most = Float64Array.from(bounds, ({ max }) => max);
  const whole = Uint8Array.from(specs, ({ type }) => (type === 'integer' ? 1 : 0));
  return (row) => {
    for (let at = 0; at < checks.length; at++) {
      const value = row[at];
      if (typeof value === 'number' && value >= (least[at] as number) && value <= (most[at] as number)) {
        if (whole[at] === 0 || Number.isSafeInteger(value)) continue;
      }
      if (checks[at]?.(value, '') !== undefined) return false;
    }
    return true;
  };
}

/** NaN, which nothing is above or below, for a feature that more is asked of than to be a finite number between bounds. */
const notPlain = { min: NaN, max: NaN };

function plainBounds(spec: FeatureSpec, range: EncodableRange | undefined): EncodableRange {
  const isNumber = spec.type === 'number' || spec.type === 'integer';
  if (!isNumber || spec.shape !== undefined || spec.enum !== undefined) return notPlain;
  const { min, max } = numberBounds(spec, range);
  return { min: Math.max(min, -Number.MAX_VALUE), max: Math.min(max, Number.MAX_VALUE) };
}
