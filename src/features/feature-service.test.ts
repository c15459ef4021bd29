import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { applicants, FakeStore, ManualTimer, recordingObserver, shops, viewOf } from '../../test/support/features.js';
import { ManualClock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import { MemoryCache } from './caches/memory-cache.js';
import { createFeatureService, type FeatureServiceParts } from './create-feature-service.js';
import type { FeatureCache } from './feature-cache.js';
import type { FeatureService, ViewRead } from './feature-service.js';
import { EntityKeyError, type FeatureStore } from './feature-store.js';
import { SqliteFeatureStore } from './stores/sqlite-store.js';
import type { Lookup, StoredRow } from './view.js';

const sizeOf = (key: string | number) => [...String(key)].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7) | 0;
const rowOf = ({ key }: Lookup): StoredRow | null =>
  String(key).startsWith('absent') ? null : { values: [sizeOf(key)], updatedAt: null };
const settle = () => new Promise((resolve) => setImmediate(resolve));

function make(store: FeatureStore, rest: Partial<FeatureServiceParts> & { noCache?: boolean } = {}) {
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

const answering = () => new FakeStore((lookups) => Promise.resolve(lookups.map(rowOf)));
const row = (key: string | number, origin: 'cache' | 'store') => {
  return { state: 'row', origin, values: [sizeOf(key)], ageSeconds: null, stale: false };
};

/** A store that answers when the test says so. */
function gated() {
  const gates: { open: () => void; fail: (error: Error) => void; deadline: Deadline }[] = [];
  const store = new FakeStore(
    (lookups, deadline) =>
      new Promise((resolve, fail) => gates.push({ open: () => resolve(lookups.map(rowOf)), fail, deadline })),
  );
  return { store, gates };
}

describe('reading stored features', () => {
  it('asks the store once for all that is missing, then the cache', async () => {
    const store = answering();
    const { read, facts } = make(store);
    expect(await read(['a', 'absent'])).toEqual([row('a', 'store'), { state: 'absent', origin: 'store' }]);
    expect(await read(['b', 'a', 'absent', 'b'])).toEqual([
      row('b', 'store'),
      row('a', 'cache'),
      { state: 'absent', origin: 'cache' },
      row('b', 'store'),
    ]);
    expect(store.reads.map((lookups) => lookups.map(({ key }) => key))).toEqual([['a', 'absent'], ['b']]);
    expect(facts.cacheRead).toEqual([
      { hits: 0, misses: 2 },
      { hits: 2, misses: 2 },
    ]);
  });

  it('answers without a promise when the cache has all', async () => {
    const { service, read, clock } = make(answering());
    await read(['a']);
    const deadline = new Deadline(clock, 1000);
    expect(service.read([{ view: shops, key: 'a' }], { useCache: true, deadline })).toEqual([row('a', 'cache')]);
    clock.advance(1001);
    expect(() => service.read([{ view: shops, key: 'a' }], { useCache: true, deadline })).toThrow('time allowed');
  });

  it('tells "1" and 1 apart, and one view from another of the same table', async () => {
    const store = answering();
    const { read, service, clock } = make(store);
    await read(['1']);
    await read([1]);
    const renamed = viewOf('stores: {entity: shop_id, table: shops, key: shop_id, features: {size: integer}}');
    await service.read([{ view: renamed, key: '1' }], { useCache: true, deadline: new Deadline(clock, 1000) });
    expect(store.reads).toHaveLength(3);
  });

  it('skips the cache on demand, and keeps what it fetched', async () => {
    const store = answering();
    const { read } = make(store);
    await read(['a']);
    expect(await read(['a'], false)).toEqual([row('a', 'store')]);
    expect(await read(['a'])).toEqual([row('a', 'cache')]);
    expect(store.reads).toHaveLength(2);
  });

  it('works without a cache', async () => {
    const store = answering();
    const { read, service, timers } = make(store, { noCache: true });
    await read(['a']);
    expect(await read(['a'])).toEqual([row('a', 'store')]);
    expect(service.health()).toEqual({ cache: 'healthy', store: 'healthy' });
    await service.close();
    expect([store.closed, timers.running]).toEqual([true, false]);
  });

  it('is unavailable, never absent, when the store fails, and remembers no failure', async () => {
    const store = answering();
    const { read, facts, service } = make(store);
    await read(['a']);
    const { reply } = store;
    store.reply = () => Promise.reject(new Error('connection refused'));
    expect(await read(['a', 'b'])).toEqual([row('a', 'cache'), { state: 'unavailable' }]);
    expect(facts.storeFailed).toHaveLength(1);
    expect(service.health().store).toBe('unhealthy');
    store.reply = reply;
    expect(await read(['b'])).toEqual([row('b', 'store')]);
    expect(service.health().store).toBe('healthy');
  });

  it('lets a bad key fail its own call only', async () => {
    const store = new FakeStore((lookups) =>
      lookups.some(({ key }) => key === 'bad')
        ? Promise.reject(new EntityKeyError('shop_id', 'a whole number'))
        : Promise.resolve(lookups.map(rowOf)),
    );
    const { read, facts } = make(store);
    const [mixed, good] = await Promise.allSettled([read(['a', 'bad']), read(['a'])]);
    expect(mixed).toMatchObject({ status: 'rejected', reason: { name: 'EntityKeyError' } });
    expect(good).toEqual({ status: 'fulfilled', value: [row('a', 'store')] });
    expect(facts.storeFailed).toEqual([]);
  });
});

describe('age', () => {
  const reading = (updatedAt: number | null) =>
    make(new FakeStore(() => Promise.resolve([{ values: [1, 1, true, 'n'], updatedAt }])));
  const ask = async ({ service, clock }: { service: FeatureService; clock: ManualClock }) => {
    const deadline = new Deadline(clock, 1000);
    const [read] = await service.read([{ view: applicants, key: 'a' }], { useCache: true, deadline });
    return read?.state === 'row' ? { age: read.ageSeconds, stale: read.stale, origin: read.origin } : read;
  };
  const start = new ManualClock().now();

  it('is counted at the time of the read, from the cache too', async () => {
    const made = reading(start - 3_590_000);
    expect(await ask(made)).toEqual({ age: 3590, stale: false, origin: 'store' });
    made.clock.advance(9000);
    expect(await ask(made)).toEqual({ age: 3599, stale: false, origin: 'cache' });
    made.clock.advance(2000);
    expect(await ask(made)).toEqual({ age: 3601, stale: true, origin: 'store' });
    expect(made.facts.staleRead).toEqual([{ view: 'applicants' }]);
  });

  it('of a stale row is remembered only as long as an absence', async () => {
    const made = reading(start - 7_200_000);
    await ask(made);
    made.clock.advance(4999);
    expect(await ask(made)).toMatchObject({ stale: true, origin: 'cache' });
    made.clock.advance(2);
    expect(await ask(made)).toMatchObject({ stale: true, origin: 'store' });
  });

  it('that cannot be read is stale; one from the future is zero', async () => {
    expect(await ask(reading(Number.NaN))).toEqual({ age: null, stale: true, origin: 'store' });
    expect(await ask(reading(start + 5000))).toEqual({ age: 0, stale: false, origin: 'store' });
  });
});

describe('demand 23: the cache is never wrong for longer than it says, and never trusted blindly', () => {
  it('demand 23: a changed row is seen after the time to live, an absence after its own', async () => {
    let size = 1;
    const store = new FakeStore((lookups) =>
      Promise.resolve(
        lookups.map(({ key }) => (key === 'new' && size === 1 ? null : { values: [size], updatedAt: null })),
      ),
    );
    const { read, clock } = make(store);
    await read(['old', 'new']);
    size = 2;
    clock.advance(4999);
    expect(await read(['new'])).toMatchObject([{ state: 'absent', origin: 'cache' }]);
    clock.advance(1);
    expect(await read(['new'])).toMatchObject([{ state: 'row', origin: 'store', values: [2] }]);
    clock.advance(54_999);
    expect(await read(['old'])).toMatchObject([{ origin: 'cache', values: [1] }]);
    clock.advance(1);
    expect(await read(['old'])).toMatchObject([{ origin: 'store', values: [2] }]);
  });

  it('demand 23: a poisoned, truncated, foreign or over-aged entry is a miss and a fact, never an error', async () => {
    const key = `shops:${shops.fingerprint}:s:a`;
    const taken: Buffer[] = [];
    const store = answering();
    const first = make(store);
    await first.read(['a']);
    const whole = first.cache.get(key)!;
    taken.push(whole.subarray(0, 12), Buffer.from('plain nonsense in the place of a packed row'), Buffer.alloc(0));
    const flipped = Buffer.from(whole);
    flipped[27] = flipped[27]! ^ 1;
    const older = Buffer.from(whole);
    older[0] = 0;
    for (const value of [...taken, flipped, older]) {
      first.cache.set({ key, value, ttlMs: 60_000 });
      expect(await first.read(['a'])).toEqual([row('a', 'store')]);
    }
    expect(first.facts.cacheTrouble.map((fact) => (fact as { kind: string }).kind)).toEqual([
      ...['truncated', 'old_schema', 'truncated', 'poisoned', 'old_schema'],
    ]);
    first.cache.set({ key, value: whole, ttlMs: 10_000_000 });
    first.clock.advance(60_001);
    expect(await first.read(['a'])).toEqual([row('a', 'store')]);
  });

  it('demand 23: any bytes whatever in the cache give the right row', async () => {
    const made = make(answering());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async (bytes) => {
        const key = `shops:${shops.fingerprint}:s:a`;
        made.cache.set({ key, value: Buffer.from(bytes), ttlMs: 60_000 });
        expect(await made.read(['a'])).toEqual([row('a', 'store')]);
      }),
    );
  });

  it('demand 23: an import by another process is seen at the next poll, and what was being read meanwhile is not kept', async () => {
    const { store, gates } = gated();
    const { read, timers, facts } = make(store);
    await settle();
    expect(timers.milliseconds).toBeLessThanOrEqual(1000);
    const before = read(['a']);
    await settle();
    store.version = '2';
    await timers.fire();
    expect(facts.cacheCleared).toHaveLength(1);
    gates[0]!.open();
    await before;
    const after = read(['a']);
    await settle();
    gates[1]!.open();
    expect(await after).toEqual([row('a', 'store')]);
    await timers.fire();
    expect(await read(['a'])).toEqual([row('a', 'cache')]);
    expect(facts.cacheCleared).toHaveLength(1);
  });

  it('demand 23: a store that was away is taken for changed', async () => {
    const store = answering();
    const { read, timers, facts, service } = make(store);
    await settle();
    await read(['a']);
    store.version = 'down';
    await timers.fire();
    await timers.fire();
    expect(service.health().store).toBe('unhealthy');
    expect(facts.storeFailed).toHaveLength(1);
    store.version = '1';
    await timers.fire();
    expect(service.health().store).toBe('healthy');
    expect(await read(['a'])).toEqual([row('a', 'store')]);
  });

  it('demand 23: with SQLite, a row imported through another connection is served after one poll', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'features-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'features.db');
    const importer = new SqliteFeatureStore({ file });
    const put = (size: number) => importer.upsert(shops, [{ key: 'a', row: { values: [size], updatedAt: null } }]);
    await put(1);
    const { read, timers, service, facts } = make(new SqliteFeatureStore({ file }));
    await settle();
    expect(await read(['a', 'a'])).toMatchObject([{ values: [1] }, { values: [1], origin: 'store' }]);
    await put(2);
    expect(await read(['a'])).toMatchObject([{ values: [1], origin: 'cache' }]);
    await timers.fire();
    expect(await read(['a'])).toMatchObject([{ values: [2], origin: 'store' }]);
    const typed = viewOf('s2: {entity: shop_id, table: nowhere, key: k, features: {f: number}}');
    const deadline = new Deadline(new ManualClock(), 1000);
    const lookups = [{ view: typed, key: 'a' }];
    expect(await service.read(lookups, { useCache: true, deadline })).toEqual([{ state: 'unavailable' }]);
    await expect(read(['a\0'])).rejects.toThrow(EntityKeyError);
    await expect(read(['a\0', 'a\0'], false)).rejects.toThrow(EntityKeyError);
    expect(facts.storeFailed).toHaveLength(1);
    await service.close();
  });
});

describe('a cache in trouble', () => {
  const broken = (getMany: FeatureCache['getMany']): FeatureCache => {
    return { getMany, setMany: () => undefined, clear: () => undefined, close: () => Promise.resolve() };
  };

  it.each([
    ['rejects', () => Promise.reject(new Error('gone'))],
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
  ])('that %s is passed by, and said to be degraded', async (_, getMany) => {
    const { read, service, facts } = make(answering(), { cache: broken(getMany) });
    expect(await read(['a'])).toEqual([row('a', 'store')]);
    expect(facts.cacheTrouble).toEqual([{ kind: 'unreachable', cause: 'gone' }]);
    expect(service.health()).toEqual({ cache: 'degraded', store: 'healthy' });
  });

  it('that hangs ends at the deadline', async () => {
    const { read } = make(answering(), { cache: broken(() => new Promise(() => undefined)) });
    await expect(read(['a'], true, 5)).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
  });
});

describe('demand 24: one read of the store for a key, however many want it', () => {
  it('demand 24: 500 calls for an expired key cost one read', async () => {
    const { store, gates } = gated();
    const { read, facts } = make(store);
    const calls = Array.from({ length: 500 }, () => read(['hot']));
    await settle();
    expect(gates).toHaveLength(1);
    gates[0]!.open();
    for (const answer of await Promise.all(calls)) expect(answer).toEqual([row('hot', 'store')]);
    expect(store.reads).toHaveLength(1);
    expect(facts.singleFlightShared).toHaveLength(499);
  });

  it('demand 24: a failed read fails those who waited, and nobody after them', async () => {
    const { store, gates } = gated();
    const { read } = make(store);
    const waiting = [read(['hot']), read(['hot'])];
    await settle();
    gates[0]!.fail(new Error('down'));
    expect(await Promise.all(waiting)).toEqual([[{ state: 'unavailable' }], [{ state: 'unavailable' }]]);
    const next = read(['hot']);
    await settle();
    gates[1]!.open();
    expect(await next).toEqual([row('hot', 'store')]);
  });

  it('demand 24: who runs out of time takes nobody along; the last one ends the read', async () => {
    const { store, gates } = gated();
    const { read, facts } = make(store);
    const hasty = read(['hot'], true, 5);
    const patient = read(['hot']);
    await expect(hasty).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    expect(gates[0]!.deadline.cancelled).toBe(false);
    gates[0]!.open();
    expect(await patient).toEqual([row('hot', 'store')]);
    await expect(read(['cold'], true, 5)).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    expect(gates[1]!.deadline.cancelled).toBe(true);
    gates[1]!.fail(new Error('cancelled'));
    const again = read(['cold']);
    await settle();
    gates[2]!.open();
    expect(await again).toEqual([row('cold', 'store')]);
    expect(facts.storeFailed).toEqual([]);
  });

  it('demand 24: at most so many reads run at once; too many waiting are shed as unavailable', async () => {
    const { store, gates } = gated();
    const { read, facts } = make(store);
    const calls = Array.from({ length: 2 + 64 + 1 }, (_, index) => read([`k${index}`]));
    await settle();
    expect(gates).toHaveLength(2);
    expect(facts.storeShed).toHaveLength(1);
    for (let index = 0; index < 66; index++) {
      gates[index]!.open();
      await settle();
    }
    const answers = (await Promise.all(calls)).flat();
    expect(answers.filter(({ state }) => state === 'unavailable')).toHaveLength(1);
    expect(answers.filter(({ state }) => state === 'row')).toHaveLength(66);
  });

  it('demand 24: a fresh read joins none, and an older one that ends later does not overwrite it', async () => {
    const gates: ((size: number) => void)[] = [];
    const store = new FakeStore(
      () => new Promise((resolve) => gates.push((size) => resolve([{ values: [size], updatedAt: null }]))),
    );
    const { read } = make(store);
    const older = read(['a']);
    const fresh = read(['a'], false);
    await settle();
    gates[1]!(2);
    expect(await fresh).toMatchObject([{ values: [2] }]);
    gates[0]!(1);
    expect(await older).toMatchObject([{ values: [1] }]);
    expect(await read(['a'])).toMatchObject([{ values: [2], origin: 'cache' }]);
  });
});

it('gives no entity the row of another, in whatever order store and cache answer', async () => {
  const call = fc.record({
    keys: fc.array(fc.constantFrom('x', 'y', 'z', 'absent-1', 1, '1'), { minLength: 1, maxLength: 4 }),
    useCache: fc.boolean(),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(call, { minLength: 1, maxLength: 12 }), async (scheduler, calls) => {
      let failing: boolean[] = [];
      const store = new FakeStore((lookups) => {
        const fails = failing.shift() ?? false;
        const answer = fails ? Promise.reject(new Error('down')) : Promise.resolve(lookups.map(rowOf));
        return scheduler.schedule(answer);
      });
      const clock = new ManualClock();
      const { observer } = recordingObserver();
      const memory = new MemoryCache({ maxBytes: 1024 * 1024, clock, observer });
      const cache: FeatureCache = {
        getMany: (keys) => scheduler.schedule(Promise.resolve(memory.getMany(keys))),
        setMany: (entries) => memory.setMany(entries),
        clear: () => memory.clear(),
        close: () => memory.close(),
      };
      failing = calls.map(({ fails }) => fails);
      const { read } = make(store, { cache, clock });
      const answers = calls.map(({ keys, useCache }) => read(keys, useCache));
      const all = await scheduler.waitFor(Promise.all(answers));
      for (const [index, reads] of all.entries())
        for (const [position, it] of reads.entries()) {
          const key = calls[index]!.keys[position]!;
          if (it.state === 'row') expect(it.values).toEqual([sizeOf(key)]);
          else if (it.state === 'absent') expect(key).toBe('absent-1');
        }
    }),
    { numRuns: 1000 },
  );
}, 60_000);
