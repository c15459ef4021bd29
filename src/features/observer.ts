/**
 * What went wrong with the cache: `unreachable`: it did not answer; `poisoned`, `truncated`, `old_schema`: an entry that cannot
 * be trusted, and counted as a miss; `too_large`: a row that it does not take; `write_failed`: a row that it did not keep.
 * The cause is given with the first read of an outage, not with each.
 */
export type CacheTrouble = 'unreachable' | 'poisoned' | 'truncated' | 'old_schema' | 'too_large' | 'write_failed';

/** The facts of stored features, one method each. Implementations must not throw. */
export interface FeaturesObserver {
  cacheRead(fact: { readonly hits: number; readonly misses: number }): void;
  cacheTrouble(fact: { readonly kind: CacheTrouble; readonly cause?: unknown }): void;
  /** Entries dropped to make room. */
  cacheEvicted(fact: { readonly entries: number }): void;
  /** Every entry was forgotten because rows of the store have changed. */
  cacheCleared(): void;
  storeRead(fact: { readonly rows: number; readonly absent: number; readonly durationMs: number }): void;
  storeFailed(fact: { readonly cause: unknown }): void;
  /** A read of the store was refused because too many were waiting already. */
  storeShed(): void;
  /** A caller waited for a read that another had begun. */
  singleFlightShared(fact: { readonly keys: number }): void;
  /** Rows handed out although older than their view allows: the view's `on_stale` decides what becomes of them. */
  staleRead(fact: { readonly view: string }): void;
}

export const silentFeaturesObserver: FeaturesObserver = {
  cacheRead: () => undefined,
  cacheTrouble: () => undefined,
  cacheEvicted: () => undefined,
  cacheCleared: () => undefined,
  storeRead: () => undefined,
  storeFailed: () => undefined,
  storeShed: () => undefined,
  singleFlightShared: () => undefined,
  staleRead: () => undefined,
};
