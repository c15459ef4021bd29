import type { Deadline } from '../shared/deadline.js';
import type { EntityKey, FeatureScalar } from '../shared/feature-value.js';
import type { FeatureView } from './view.js';

/** What came back for one view. */
export type ViewRead =
  | {
      readonly state: 'row';
      readonly origin: 'cache' | 'store';
      /** In the view's order; raw, not yet checked against a model's spec. */
      readonly values: readonly FeatureScalar[];
      /** Age in seconds by the view's timestamp at the time of the read; null when the view has none or the row's cannot be read. */
      readonly ageSeconds: number | null;
      /** Older than the view's max_age_seconds, or of unknown age where the view has such a limit. */
      readonly stale: boolean;
    }
  | { readonly state: 'absent'; readonly origin: 'cache' | 'store' }
  | { readonly state: 'unavailable' };

export interface ReadOptions {
  /** false: skip the cache read, and store what was fetched. */
  readonly useCache: boolean;
  readonly deadline: Deadline;
}

/** Stored features by view and entity key: cache, then store, one round trip a stage for all views. */
export interface FeatureService {
  readonly views: ReadonlyMap<string, FeatureView>;
  /**
   * Reads in the order asked. Store and cache out of reach is `unavailable`, never `absent`.
   * May answer without a promise when every value is in the process's own cache.
   * @throws EntityKeyError when a key cannot be converted to its column's type; ServiceError INFERENCE_TIMEOUT at the deadline.
   */
  read(
    lookups: readonly { view: FeatureView; key: EntityKey }[],
    options: ReadOptions,
  ): Promise<ViewRead[]> | ViewRead[];
  /** `healthy`, `degraded` (cache down) or `unhealthy` (store down). */
  health(): {
    readonly cache: 'healthy' | 'degraded' | 'unhealthy';
    readonly store: 'healthy' | 'degraded' | 'unhealthy';
  };
  close(): Promise<void>;
}
