import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answering, make, row, rowOf, sizeOf } from '../../test/support/feature-service.js';
import { applicants, FakeStore, recordingObserver, shops, viewOf } from '../../test/support/features.js';
import { ManualClock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import { MemoryCache } from './caches/memory-cache.js';
import type { FeatureCache } from './feature-cache.js';
import type { FeatureService } from './feature-service.js';
import { EntityKeyError } from './feature-store.js';

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
