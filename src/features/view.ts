import type { EntityKey, FeatureType, FeatureScalar } from '../shared/feature-value.js';

export type OnMissing = 'fail' | 'default';
export type OnStale = 'fail' | 'default' | 'serve';
export type OnUnavailable = 'fail' | 'default';

/** A feature view of features.yaml: where an entity's stored features are, and what to do when they are not. */
export interface FeatureView {
  readonly name: string;
  readonly entity: string;
  /** `table` or `schema.table`. */
  readonly table: string;
  readonly key: string;
  readonly timestamp?: string;
  readonly maxAgeSeconds?: number;
  readonly onMissing: OnMissing;
  readonly onStale: OnStale;
  readonly onUnavailable: OnUnavailable;
  /** The entity key is personal data. */
  readonly pii: boolean;
  /** Name and type, in a fixed order: the order of every row's values. */
  readonly features: readonly { readonly name: string; readonly type: FeatureType }[];
  /** Changes whenever anything changes that decides what a packed row means: part of every cache key. */
  readonly fingerprint: string;
}

/**
 * One entity's row of one view, its values in the view's order, as the store holds them (checked for type only when used).
 * A value that no feature type can hold (a blob) is NaN, and an integer beyond ±2^53 a number outside the safe range: both
 * then fail every check of type.
 */
export interface StoredRow {
  readonly values: readonly FeatureScalar[];
  /**
   * When the row was last updated, in milliseconds since the epoch; null when the view has no timestamp; NaN when it has one
   * that is empty or cannot be read, so that the row counts as older than any `max_age_seconds`.
   */
  readonly updatedAt: number | null;
}

export interface Lookup {
  readonly view: FeatureView;
  readonly key: EntityKey;
}
