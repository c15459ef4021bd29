import type { FeatureType } from '../../shared/feature-value.js';
import { nearestName } from '../../shared/names.js';
import type { FeatureSpec } from '../signature.js';

/** What a model must know of a feature view; every view of features.yaml has this form. */
export interface FeatureViewSource {
  readonly entity: string;
  readonly onMissing: string;
  readonly onStale: string;
  readonly onUnavailable: string;
  readonly features: readonly { readonly name: string; readonly type: FeatureType }[];
}
export type FeatureViewSources = ReadonlyMap<string, FeatureViewSource>;

/** Something that keeps a feature from being supplied by its view. */
export interface StoredFeatureFault {
  /** Position of the feature. */
  readonly index: number;
  readonly message: string;
}

/** Checks every `from`: the view and its feature exist, the types agree, and a view set to `default` has a default to use. */
export function storedFeatureFaults(features: readonly FeatureSpec[], views: FeatureViewSources): StoredFeatureFault[] {
  return features.flatMap((spec, index) => faultsOf(spec, views).map((message) => ({ index, message })));
}

function faultsOf(spec: FeatureSpec, views: FeatureViewSources): string[] {
  if (spec.from === undefined) return [];
  const view = views.get(spec.from.view);
  if (view === undefined)
    return [`names the unknown feature view ${spec.from.view}${near(spec.from.view, views.keys())}`];
  const names = view.features.map(({ name }) => name);
  const stored = view.features.find(({ name }) => name === spec.from?.feature);
  if (stored === undefined) {
    return [`names ${spec.from.feature}, which view ${spec.from.view} does not have${near(spec.from.feature, names)}`];
  }
  const faults: string[] = [];
  if (!feeds(stored.type, spec.type)) faults.push(`is ${stored.type} in the view; this feature is ${spec.type}`);
  const policies = defaultingPolicies(view);
  if (policies.length > 0 && spec.default === undefined) {
    faults.push(`needs a default: view ${spec.from.view} says default for ${policies.join(', ')}`);
  }
  return faults;
}

/** Types must be equal, but integers are numbers too. */
function feeds(stored: FeatureType, wanted: FeatureType): boolean {
  return stored === wanted || (stored === 'integer' && wanted === 'number');
}

function defaultingPolicies(view: FeatureViewSource): string[] {
  const policies = { on_missing: view.onMissing, on_stale: view.onStale, on_unavailable: view.onUnavailable };
  return Object.entries(policies)
    .filter(([, policy]) => policy === 'default')
    .map(([name]) => name);
}

function near(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}

/** Entity → the features that it supplies. */
export function suppliedByEntity(
  features: readonly FeatureSpec[],
  views: FeatureViewSources,
): Record<string, readonly string[]> | undefined {
  const entities = new Map<string, string[]>();
  for (const spec of features) {
    const entity = spec.from === undefined ? undefined : views.get(spec.from.view)?.entity;
    if (entity === undefined) continue;
    const supplied = entities.get(entity) ?? [];
    supplied.push(spec.name);
    entities.set(entity, supplied);
  }
  return entities.size === 0 ? undefined : Object.fromEntries(entities);
}
