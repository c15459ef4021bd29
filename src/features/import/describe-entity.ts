import type { Clock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import type { EntityKey, FeatureScalar, FeatureType } from '../../shared/feature-value.js';
import { jsonTypeOf } from '../../shared/json.js';
import { ageSeconds, isStale } from '../freshness.js';
import type { FeatureStore } from '../feature-store.js';
import type { FeatureView } from '../view.js';

/** What the store holds for one entity. */
export interface EntityDescription {
  readonly features: readonly {
    readonly name: string;
    readonly type: FeatureType;
    readonly value: FeatureScalar;
    /** What the value is in the store: `null`, `string`, `integer`, `number`, `boolean`, or `unreadable`. */
    readonly storedType: string;
  }[];
  /** Milliseconds since the epoch; null when the view has no timestamp or the row's cannot be read. */
  readonly updatedAt: number | null;
  readonly ageSeconds: number | null;
  readonly stale: boolean;
}

export interface DescribeOptions {
  readonly view: FeatureView;
  readonly key: EntityKey;
  readonly store: FeatureStore;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

/** The row of one entity, past any cache; null when there is none. @throws EntityKeyError; the store's error. */
export async function describeEntity(options: DescribeOptions): Promise<EntityDescription | null> {
  const { view, key, store, clock, timeoutMs = 5000 } = options;
  const [row] = await store.read([{ view, key }], new Deadline(clock, timeoutMs));
  if (row === undefined || row === null) return null;
  const age = row.updatedAt === null ? null : ageSeconds(row.updatedAt, clock.now());
  return {
    features: view.features.map(({ name, type }, index) => {
      const value = row.values[index] ?? null;
      return { name, type, value, storedType: Number.isNaN(value) ? 'unreadable' : jsonTypeOf(value) };
    }),
    updatedAt: Number.isNaN(row.updatedAt) ? null : row.updatedAt,
    ageSeconds: Number.isNaN(age) ? null : age,
    stale: isStale(view, age),
  };
}
