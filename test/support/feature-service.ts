import { MemoryCache } from '../../src/features/caches/memory-cache.js';
import {
  createFeatureService,
  type FeatureServiceParts,
  type FeatureStore,
  type Lookup,
  type StoredRow,
  type ViewRead,
} from '../../src/features/index.js';
import { ManualClock } from '../../src/shared/clock.js';
import { Deadline } from '../../src/shared/deadline.js';
import { FakeStore, ManualTimer, recordingObserver, shops } from './features.js';

export const sizeOf = (key: string | number) =>
  [...String(key)].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) | 0;
export const rowOf = ({ key }: Lookup): StoredRow | null =>
  String(key).startsWith('absent') ? null : { values: [sizeOf(key)], updatedAt: null };
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A service over `store` with a memory cache, a clock and a timer moved by hand, and every fact kept. */
export function make(store: FeatureStore, rest: Partial<FeatureServiceParts> & { noCache?: boolean } = {}) {
  const clock = new ManualClock();
  const timers = new ManualTimer();
  const { facts, observer } = recordingObserver();
  const cache = new MemoryCache({ maxBytes: 1024 * 1024, clock, observer });
  const { noCache, ...parts } = rest;
  const service = createFeatureService({
    views: new Map([[shops.name, shops]]),
    ...{ store, clock, timers, observer },
    ...(noCache === true ? {} : { cache }),
    options: { ttlSeconds: 60, negativeTtlSeconds: 5, storeMaxConcurrency: 2 },
    ...parts,
  });
  const read = async (keys: readonly (string | number)[], useCache = true, budget = 60_000): Promise<ViewRead[]> =>
    service.read(
      keys.map((key) => ({ view: shops, key })),
      { useCache, deadline: new Deadline(clock, budget) },
    );
  return { service, clock, timers, facts, cache, read };
}

export const answering = () => new FakeStore((lookups) => Promise.resolve(lookups.map(rowOf)));
export const row = (key: string | number, origin: 'cache' | 'store') => {
  return { state: 'row', origin, values: [sizeOf(key)], ageSeconds: null, stale: false };
};

/** A store that answers when the test says so. */
export function gated() {
  const gates: { open: () => void; fail: (error: Error) => void; deadline: Deadline }[] = [];
  const store = new FakeStore(
    (lookups, deadline) =>
      new Promise((resolve, fail) => gates.push({ open: () => resolve(lookups.map(rowOf)), fail, deadline })),
  );
  return { store, gates };
}
