import type { Clock } from '../shared/clock.js';
import type { Deadline } from '../shared/deadline.js';
import type { EntityKey } from '../shared/feature-value.js';
import type { FeatureCache } from './feature-cache.js';
import type { FeatureService, ReadOptions, ViewRead } from './feature-service.js';
import type { FeatureStore } from './feature-store.js';
import { ageSeconds, isStale } from './freshness.js';
import type { FeaturesObserver } from './observer.js';
import type { CachedRow } from './packed-row.js';
import { RowCache } from './row-cache.js';
import { StoreLoader, type NamedLookup, type Outcome } from './store-loader.js';
import type { FeatureView, Lookup } from './view.js';
import type { Timers } from '../shared/timers.js';

export interface FeatureServiceParts {
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly store: FeatureStore;
  /** Left out: every read goes to the store. */
  readonly cache?: FeatureCache;
  readonly options: {
    readonly ttlSeconds: number;
    readonly negativeTtlSeconds: number;
    readonly storeMaxConcurrency: number;
  };
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'every'>;
  readonly observer: FeaturesObserver;
}

/** How often the store is asked whether rows have changed: an import is seen within this, and the cache is then cleared. */
export const changePollMs = 500;

/** Makes the service; it owns the store and the cache from then on and closes them. */
export function createFeatureService(parts: FeatureServiceParts): FeatureService {
  return new StoredFeatureService(parts);
}

class StoredFeatureService implements FeatureService {
  readonly views: ReadonlyMap<string, FeatureView>;
  readonly #parts: FeatureServiceParts;
  readonly #rows: RowCache | undefined;
  readonly #loader: StoreLoader;
  readonly #stopPolling: () => void;
  #dataVersion: string | undefined;
  #asking = false;
  #storeAnswers = true;
  /** Counts the clearings of the cache: what was read before one must not be kept after it. */
  #generation = 0;

  constructor(parts: FeatureServiceParts) {
    const { cache, clock, observer, options, store, timers } = parts;
    this.#parts = parts;
    this.views = parts.views;
    this.#rows = cache === undefined ? undefined : new RowCache({ cache, clock, observer, ...options });
    this.#loader = new StoreLoader({ store, clock, observer, maxConcurrency: options.storeMaxConcurrency });
    void this.#noticeChanges();
    this.#stopPolling = timers.every(changePollMs, () => void this.#noticeChanges());
  }

  read(lookups: readonly Lookup[], { useCache, deadline }: ReadOptions): ViewRead[] | Promise<ViewRead[]> {
    deadline.check('features');
    const named = lookups.map(({ view, key }) => ({ view, key, cacheKey: cacheKeyOf(view, key) }));
    if (!useCache || this.#rows === undefined) return this.#readStore(named, { deadline, fresh: !useCache });
    const found = this.#rows.find(named, deadline);
    if (Array.isArray(found)) return this.#complete(named, found, deadline);
    return found.then((rows) => this.#complete(named, rows, deadline));
  }

  health(): ReturnType<FeatureService['health']> {
    const storeAnswers = this.#loader.reachable && this.#storeAnswers;
    return {
      cache: (this.#rows?.reachable ?? true) ? 'healthy' : 'degraded',
      store: storeAnswers ? 'healthy' : 'unhealthy',
    };
  }

  async close(): Promise<void> {
    this.#stopPolling();
    await Promise.all([this.#parts.cache?.close(), this.#parts.store.close()]);
  }

  /** Asks the store for what the cache did not have. */
  #complete(
    lookups: readonly NamedLookup[],
    found: readonly (CachedRow | undefined)[],
    deadline: Deadline,
  ): ViewRead[] | Promise<ViewRead[]> {
    const reads = found.map((row, index) => row && this.#toRead(lookups[index]!.view, row, 'cache'));
    const missing = lookups.filter((_, index) => reads[index] === undefined);
    if (missing.length === 0) return reads as ViewRead[];
    const loaded = this.#readStore(missing, { deadline, fresh: false });
    return Array.isArray(loaded) ? merge(reads, loaded) : loaded.then((rows) => merge(reads, rows));
  }

  #readStore(
    lookups: readonly NamedLookup[],
    options: { readonly deadline: Deadline; readonly fresh: boolean },
  ): ViewRead[] | Promise<ViewRead[]> {
    const generation = this.#generation;
    const keep = (loaded: readonly NamedLookup[], outcomes: readonly Outcome[]) => {
      if (generation === this.#generation) this.#rows?.keep(loaded, outcomes);
    };
    const outcomes = this.#loader.load(lookups, { ...options, keep });
    const toReads = (them: readonly Outcome[]) =>
      them.map((outcome, index) => this.#fromOutcome(lookups[index]!, outcome));
    return outcomes instanceof Promise ? outcomes.then(toReads) : toReads(outcomes);
  }

  #fromOutcome({ view }: Lookup, outcome: Outcome): ViewRead {
    if (outcome.state === 'bad_key') throw outcome.error;
    return outcome.state === 'loaded' ? this.#toRead(view, outcome, 'store') : { state: 'unavailable' };
  }

  #toRead(view: FeatureView, { row }: CachedRow, origin: 'cache' | 'store'): ViewRead {
    if (row === null) return { state: 'absent', origin };
    const { values, updatedAt } = row;
    const age = updatedAt === null ? null : ageSeconds(updatedAt, this.#parts.clock.now());
    const stale = isStale(view, age);
    if (stale) this.#parts.observer.staleRead({ view: view.name });
    return { state: 'row', origin, values, ageSeconds: Number.isNaN(age) ? null : age, stale };
  }

  async #noticeChanges(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const version = await this.#askDataVersion();
    this.#asking = false;
    if (this.#dataVersion !== undefined && version !== this.#dataVersion) {
      this.#generation++;
      this.#rows?.clear();
    }
    this.#dataVersion = version;
  }

  /** A store that cannot say is taken for changed once it can again. */
  async #askDataVersion(): Promise<string> {
    try {
      const version = await this.#parts.store.dataVersion();
      this.#storeAnswers = true;
      this.#loader.reachable = true;
      return version;
    } catch (error) {
      if (this.#storeAnswers) this.#parts.observer.storeFailed({ cause: error });
      this.#storeAnswers = false;
      return 'unknown';
    }
  }
}

/** "1" and 1 are told apart: whether they name the same row is for the store to say. */
function cacheKeyOf(view: FeatureView, key: EntityKey): string {
  return `${view.name}:${view.fingerprint}:${typeof key === 'number' ? 'i' : 's'}:${key}`;
}

/** Fills the gaps of `reads`, in order. */
function merge(reads: readonly (ViewRead | undefined)[], loaded: readonly ViewRead[]): ViewRead[] {
  let next = 0;
  return reads.map((read) => read ?? loaded[next++]!);
}
