import type { Clock } from '../shared/clock.js';
import type { Deadline } from '../shared/deadline.js';
import { messageOf, ServiceError } from '../shared/errors.js';
import type { FeatureCache } from './feature-cache.js';
import type { FeaturesObserver } from './observer.js';
import { packRow, unpackRow, type CachedRow } from './packed-row.js';
import type { NamedLookup, Outcome } from './store-loader.js';
import type { FeatureView } from './view.js';

export interface RowCacheOptions {
  readonly cache: FeatureCache;
  readonly clock: Clock;
  readonly observer: FeaturesObserver;
  readonly ttlSeconds: number;
  readonly negativeTtlSeconds: number;
}

type Found = CachedRow | undefined;

/** Rows in a cache: packed, with a time to live, and trusted only when they come back whole. Trouble with the cache is a miss. */
export class RowCache {
  readonly #options: RowCacheOptions;
  #reachable = true;

  constructor(options: RowCacheOptions) {
    this.#options = options;
  }

  get reachable(): boolean {
    return this.#reachable && this.#options.cache.reachable !== false;
  }

  /** In the order asked; undefined for a miss. @throws ServiceError INFERENCE_TIMEOUT at the deadline. */
  find(lookups: readonly NamedLookup[], deadline: Deadline): Found[] | Promise<Found[]> {
    const keys = lookups.map(({ cacheKey }) => cacheKey);
    try {
      const packed = this.#options.cache.getMany(keys, deadline);
      return Array.isArray(packed) ? this.#unpack(lookups, packed) : this.#findLater(lookups, packed, deadline);
    } catch (error) {
      return this.#unreachable(lookups, error);
    }
  }

  async #findLater(
    lookups: readonly NamedLookup[],
    packed: Promise<(Buffer | undefined)[]>,
    deadline: Deadline,
  ): Promise<Found[]> {
    try {
      return this.#unpack(lookups, await deadline.race(packed, 'features'));
    } catch (error) {
      if (error instanceof ServiceError && deadline.signal.aborted) throw error;
      return this.#unreachable(lookups, error);
    }
  }

  /** Keeps what the store answered. Rows that it did not answer for are left as they are. */
  keep(lookups: readonly NamedLookup[], outcomes: readonly Outcome[]): void {
    const entries = lookups.flatMap(({ view, cacheKey }, index) => {
      const outcome = outcomes[index];
      const ttlMs = outcome?.state === 'loaded' ? this.#ttlMs(view, outcome) : 0;
      return outcome?.state === 'loaded' && ttlMs > 0 ? [{ key: cacheKey, value: packRow(view, outcome), ttlMs }] : [];
    });
    if (entries.length > 0) this.#options.cache.setMany(entries);
  }

  clear(): void {
    this.#options.cache.clear();
    this.#options.observer.cacheCleared();
  }

  /**
   * `ttl_seconds`, but not past the moment at which the row becomes stale: the store may hold a newer one by then. A row that is
   * stale already is remembered as briefly as an absent one.
   */
  #ttlMs({ maxAgeSeconds }: FeatureView, { row, fetchedAt }: CachedRow): number {
    const { ttlSeconds, negativeTtlSeconds } = this.#options;
    const briefly = Math.min(ttlSeconds, negativeTtlSeconds) * 1000;
    if (row === null) return negativeTtlSeconds * 1000;
    if (maxAgeSeconds === undefined || row.updatedAt === null) return ttlSeconds * 1000;
    const untilStale = row.updatedAt + maxAgeSeconds * 1000 - fetchedAt;
    const limit = untilStale > 0 ? untilStale : briefly;
    return Math.min(ttlSeconds * 1000, limit, maxAgeSeconds * 1000);
  }

  #unpack(lookups: readonly NamedLookup[], packed: readonly (Buffer | undefined)[]): Found[] {
    this.#reachable = true;
    const found = lookups.map(({ view }, index) => this.#unpackOne(view, packed[index]));
    let misses = 0;
    for (const row of found) if (row === undefined) misses++;
    this.#options.observer.cacheRead({ hits: found.length - misses, misses });
    return found;
  }

  #unpackOne(view: FeatureView, packed: Buffer | undefined): Found {
    if (packed === undefined) return undefined;
    const unpacked = unpackRow(view, packed);
    if (typeof unpacked === 'string') {
      this.#options.observer.cacheTrouble({ kind: unpacked });
      return undefined;
    }
    // The cache counts the time to live itself; this holds where another instance wrote the entry under a longer setting.
    const limit = unpacked.row === null ? this.#options.negativeTtlSeconds : this.#options.ttlSeconds;
    return this.#options.clock.now() - unpacked.fetchedAt > limit * 1000 ? undefined : unpacked;
  }

  #unreachable(lookups: readonly NamedLookup[], error: unknown): Found[] {
    // An outage fails every read: its cause is told with the first.
    const cause = this.#reachable ? messageOf(error) : undefined;
    this.#reachable = false;
    this.#options.observer.cacheTrouble({ kind: 'unreachable', ...(cause !== undefined && { cause }) });
    return lookups.map(() => undefined);
  }
}
