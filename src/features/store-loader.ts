import type { Clock } from '../shared/clock.js';
import { Deadline, type Caller } from '../shared/deadline.js';
import { EntityKeyError, type FeatureStore } from './feature-store.js';
import type { FeaturesObserver } from './observer.js';
import { ReadSlots, SlotsExhaustedError } from './read-slots.js';
import type { Lookup, StoredRow } from './view.js';

/** What the store said of one lookup. */
export type Outcome =
  | { readonly state: 'loaded'; readonly row: StoredRow | null; readonly fetchedAt: number }
  | { readonly state: 'unavailable' }
  | { readonly state: 'bad_key'; readonly error: EntityKeyError };

/** A lookup under the name that it has in the cache: two with the same name are the same row. */
export interface NamedLookup extends Lookup {
  readonly cacheKey: string;
}

export interface StoreLoaderOptions {
  readonly store: FeatureStore;
  readonly clock: Clock;
  readonly observer: FeaturesObserver;
  readonly maxConcurrency: number;
}

export interface LoadOptions {
  readonly deadline: Deadline;
  /** Join no read that began before. */
  readonly fresh: boolean;
  /** Told what a read that this call began has brought, once, before those who wait for it. */
  readonly keep: (lookups: readonly NamedLookup[], outcomes: readonly Outcome[]) => void;
}

/** One read of the store under way, and how many calls wait for it. */
interface Load {
  readonly outcomes: Promise<readonly Outcome[]>;
  readonly abandon: AbortController;
  waiting: number;
  settled: boolean;
}

interface Flight {
  readonly load: Load;
  readonly position: number;
}

/** A caller's own deadline ends its waiting, and the last one to go aborts the read; this only bounds what nobody bounded. */
const loadLimitMs = 30_000;
const waitingPerSlot = 32;

/**
 * Reads rows from the store, each once however many calls want it at the same time (single flight), at most `maxConcurrency`
 * reads at once. A failed read fails those who waited for it and is forgotten.
 */
export class StoreLoader {
  readonly #options: StoreLoaderOptions;
  readonly #slots: ReadSlots;
  readonly #flights = new Map<string, Flight>();
  /** Whether the last read was answered. May be set by who has asked the store by other means. */
  reachable = true;

  constructor(options: StoreLoaderOptions) {
    this.#options = options;
    this.#slots = new ReadSlots(options.maxConcurrency, options.maxConcurrency * waitingPerSlot);
  }

  /** In the order asked. Answers at once where the store can. @throws ServiceError INFERENCE_TIMEOUT at the deadline. */
  load(lookups: readonly NamedLookup[], options: LoadOptions): readonly Outcome[] | Promise<readonly Outcome[]> {
    const { store } = this.#options;
    if (store.readNow === undefined) return this.#await(this.#board(lookups, options), options.deadline);
    const outcomes = this.#readNow((some) => store.readNow!(some), lookups);
    options.keep(lookups, outcomes);
    return outcomes;
  }

  #readNow(read: (lookups: readonly Lookup[]) => (StoredRow | null)[], lookups: readonly NamedLookup[]): Outcome[] {
    const startedAt = this.#options.clock.monotonic();
    try {
      return this.#succeeded(read(lookups), startedAt);
    } catch (error) {
      if (error instanceof EntityKeyError && lookups.length > 1)
        return lookups.flatMap((lookup) => this.#readNow(read, [lookup]));
      return this.#failed(error, lookups.length);
    }
  }

  /** A flight for each lookup: one that is under way, else a place in the one read that is started here for all others. */
  #board(lookups: readonly NamedLookup[], { fresh, keep }: LoadOptions): Flight[] {
    const own = new Map<string, NamedLookup>();
    for (const lookup of lookups) if (fresh || !this.#flights.has(lookup.cacheKey)) own.set(lookup.cacheKey, lookup);
    const shared = new Set(lookups.map(({ cacheKey }) => cacheKey)).size - own.size;
    if (shared > 0) this.#options.observer.singleFlightShared({ keys: shared });
    if (own.size > 0) this.#start([...own.values()], keep);
    return lookups.map(({ cacheKey }) => this.#flights.get(cacheKey)!);
  }

  #start(lookups: readonly NamedLookup[], keep: LoadOptions['keep']): void {
    const abandon = new AbortController();
    const outcomes = this.#read(lookups, abandon.signal);
    const load: Load = { outcomes: outcomes.then(land), abandon, waiting: 0, settled: false };
    const flights = lookups.map((_, position): Flight => ({ load, position }));
    const isCurrent = (position: number) => this.#flights.get(lookups[position]!.cacheKey) === flights[position];
    const forget = () => {
      lookups.forEach(({ cacheKey }, position) => isCurrent(position) && this.#flights.delete(cacheKey));
    };
    lookups.forEach(({ cacheKey }, position) => this.#flights.set(cacheKey, flights[position]!));
    abandon.signal.addEventListener('abort', forget, { once: true });

    /** What a fresh read has overtaken in the meantime is not kept. */
    function land(loaded: readonly Outcome[]): readonly Outcome[] {
      load.settled = true;
      const current = lookups.flatMap((lookup, position) => (isCurrent(position) ? [{ lookup, position }] : []));
      keep(
        current.map(({ lookup }) => lookup),
        current.map(({ position }) => loaded[position]!),
      );
      forget();
      return loaded;
    }
  }

  async #await(flights: readonly Flight[], deadline: Deadline): Promise<readonly Outcome[]> {
    const loads = [...new Set(flights.map(({ load }) => load))];
    for (const load of loads) load.waiting++;
    try {
      const outcomes = await deadline.race(Promise.all(loads.map((load) => load.outcomes)), 'features');
      return flights.map(({ load, position }) => outcomes[loads.indexOf(load)]![position]!);
    } finally {
      for (const load of loads) if (--load.waiting === 0 && !load.settled) load.abandon.abort();
    }
  }

  /** Never rejects. */
  async #read(lookups: readonly NamedLookup[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const { store, clock } = this.#options;
    const startedAt = clock.monotonic();
    try {
      const deadline = new Deadline(clock, loadLimitMs, callerOf(signal));
      const rows = await this.#slots.run(signal, () => store.read(lookups, deadline));
      return this.#succeeded(rows, startedAt);
    } catch (error) {
      if (error instanceof EntityKeyError && lookups.length > 1) return this.#readEach(lookups, signal);
      if (signal.aborted) return lookups.map(() => ({ state: 'unavailable' }));
      return this.#failed(error, lookups.length);
    }
  }

  /** One key among several cannot be converted: the others must not suffer for it. */
  async #readEach(lookups: readonly NamedLookup[], signal: AbortSignal): Promise<readonly Outcome[]> {
    return (await Promise.all(lookups.map((lookup) => this.#read([lookup], signal)))).flat();
  }

  #succeeded(rows: readonly (StoredRow | null)[], startedAt: number): Outcome[] {
    const { clock, observer } = this.#options;
    this.reachable = true;
    let absent = 0;
    for (const row of rows) if (row === null) absent++;
    observer.storeRead({ rows: rows.length - absent, absent, durationMs: clock.monotonic() - startedAt });
    const fetchedAt = clock.now();
    return rows.map((row) => ({ state: 'loaded', row, fetchedAt }));
  }

  #failed(error: unknown, count: number): Outcome[] {
    if (error instanceof EntityKeyError) return [{ state: 'bad_key', error }];
    if (error instanceof SlotsExhaustedError) {
      this.#options.observer.storeShed();
    } else {
      this.reachable = false;
      this.#options.observer.storeFailed({ cause: error });
    }
    return Array.from({ length: count }, () => ({ state: 'unavailable' }));
  }
}

/** All who wait for one read, as one caller: gone when the last of them is. */
function callerOf(signal: AbortSignal): Caller {
  return {
    get gone() {
      return signal.aborted;
    },
    cancel: signal,
  };
}
