import type { FeatureValue } from '../../shared/feature-value.js';
import { compileFeatureCheck } from '../feature-check.js';
import type { FeatureSpec } from '../signature.js';
import type { ManifestFeature } from './manifest-schema.js';

/** Most elements that an array feature may have. */
const maxElements = 1_000_000;

/** Something that a feature says of itself and cannot be true. */
export interface FeatureFault {
  readonly key: keyof ManifestFeature;
  readonly message: string;
}

/** The feature with everything that was left out filled in. */
export function toFeatureSpec(feature: ManifestFeature): FeatureSpec {
  const { nullable, pii, from, shape, default: fallback, ...rest } = feature;
  const [view = '', ...name] = from?.split('.') ?? [];
  return {
    ...rest,
    nullable: nullable ?? false,
    pii: pii ?? false,
    ...(shape !== undefined && { shape }),
    ...(fallback !== undefined && { default: fallback as FeatureValue }),
    ...(from !== undefined && { from: { view, feature: name.join('.') } }),
  };
}

/** Contradictions within one feature whose form is right. */
export function featureFaults(feature: ManifestFeature): FeatureFault[] {
  return [
    ...nameFaults(feature),
    ...rangeFaults(feature),
    ...enumFaults(feature),
    ...shapeFaults(feature),
    ...defaultFaults(feature),
  ];
}

function nameFaults({ name }: ManifestFeature): FeatureFault[] {
  if (name === '__proto__') return [{ key: 'name', message: 'must not be __proto__, which requests may not hold' }];
  return name.includes('\0') ? [{ key: 'name', message: 'must not hold NUL' }] : [];
}

function rangeFaults({ type, min, max }: ManifestFeature): FeatureFault[] {
  const faults: FeatureFault[] = [];
  if (type !== 'number' && type !== 'integer') {
    if (min !== undefined) faults.push({ key: 'min', message: `does not go with type ${type}` });
    if (max !== undefined) faults.push({ key: 'max', message: `does not go with type ${type}` });
  } else if (min !== undefined && max !== undefined && min > max) {
    faults.push({ key: 'min', message: `is above max: ${min} > ${max}` });
  }
  return faults;
}

function enumFaults(feature: ManifestFeature): FeatureFault[] {
  const { enum: values, type } = feature;
  if (values === undefined) return [];
  const fault = (message: string): FeatureFault[] => [{ key: 'enum', message }];
  if (type === 'boolean') return fault('does not go with type boolean');
  if (new Set(values).size < values.length) return fault('holds a value twice');
  const [check] = compileFeatureCheck([scalarWithout(feature, 'enum')]);
  return values
    .filter((value) => check?.(value, '') !== undefined)
    .flatMap((value) => fault(`holds ${JSON.stringify(value)}, which type, min and max do not allow`));
}

function scalarWithout(feature: ManifestFeature, key: 'enum' | 'default'): FeatureSpec {
  const { shape: _shape, [key]: _left, ...rest } = feature;
  return toFeatureSpec(rest);
}

function shapeFaults({ shape, from }: ManifestFeature): FeatureFault[] {
  if (shape === undefined) return [];
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (size > maxElements) return [{ key: 'shape', message: `is ${size} elements; at most ${maxElements} are taken` }];
  return from === undefined ? [] : [{ key: 'from', message: 'does not go with shape: stored features are scalars' }];
}

function defaultFaults(feature: ManifestFeature): FeatureFault[] {
  if (feature.default === undefined) return [];
  const [check] = compileFeatureCheck([toFeatureSpec(feature)]);
  const problems = check?.(feature.default, '') ?? [];
  return problems.map(({ problem, expected }) => ({
    key: 'default',
    message: `does not fit the feature (${problem}): expected ${expected ?? feature.type}`,
  }));
}
