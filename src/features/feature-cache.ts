import type { Deadline } from '../shared/deadline.js';

/**
 * Packed rows by key, each with a time to live. Implementations: `caches/memory-cache`, `caches/redis-cache`.
 *
 * A cache never fails a call: `getMany` rejects only when the cache is out of reach (the caller then asks the store), and
 * `setMany` and `delete` swallow their own trouble after telling the observer. Buffers handed in are copied or never changed.
 */
export interface FeatureCache {
  /** false while it is known to be out of reach, without being asked. Left out by a cache that cannot be. */
  readonly reachable?: boolean;
  /** In the order asked; undefined for a miss. One round trip. */
  getMany(keys: readonly string[], deadline: Deadline): Promise<(Buffer | undefined)[]> | (Buffer | undefined)[];
  setMany(entries: readonly CacheEntry[]): void;
  /** Forgets every entry: after an import. */
  clear(): void;
  close(): Promise<void>;
}

export interface CacheEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly ttlMs: number;
}
