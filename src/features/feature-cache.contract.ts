import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import type { FeatureCache } from './feature-cache.js';

export interface CacheHarness {
  readonly cache: FeatureCache;
  /** Lets time pass, for the cache at least. */
  readonly passTime: (milliseconds: number) => Promise<void> | void;
  /** Waits until what was set can be read. */
  readonly settle: () => Promise<void> | void;
}

/** What every FeatureCache promises. `make` gives an empty cache. */
export function featureCacheContract(name: string, make: () => Promise<CacheHarness> | CacheHarness): void {
  describe(`${name} keeps the contract of a feature cache`, () => {
    let harness: CacheHarness;
    const get = async (...keys: string[]) => {
      const found = await harness.cache.getMany(keys, new Deadline(new ManualClock(), 1000));
      return found.map((value) => value?.toString('latin1'));
    };
    const set = async (entries: Record<string, string>, ttlMs = 60_000) => {
      const all = Object.entries(entries).map(([key, value]) => ({ key, value: Buffer.from(value, 'latin1'), ttlMs }));
      harness.cache.setMany(all);
      await harness.settle();
    };

    beforeEach(async () => {
      harness = await make();
    });
    afterEach(() => harness.cache.close());

    it('answers in the order asked, undefined for a miss', async () => {
      await set({ a: 'first', b: 'second' });
      expect(await get('b', 'nothing', 'a', 'b')).toEqual(['second', undefined, 'first', 'second']);
    });

    it('answers nothing for nothing', async () => {
      harness.cache.setMany([]);
      expect(await get()).toEqual([]);
    });

    it('keeps bytes as they are, also none and all of them', async () => {
      const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
      await set({ all, none: '' });
      expect(await get('all', 'none')).toEqual([all, '']);
    });

    it('replaces what was there', async () => {
      await set({ a: 'old' });
      await set({ a: 'new and longer' });
      expect(await get('a')).toEqual(['new and longer']);
    });

    it('tells keys apart that resemble each other', async () => {
      const keys = ['k', 'K', 'k ', 'k\0', 'ÿ', '\u0178', '\u0100', 'ā', 'a\u0304', '\ud83d\ude00', 'k:1', 'k:01', ''];
      await set(Object.fromEntries(keys.map((key, index) => [key, String(index)])));
      expect(await get(...keys)).toEqual(keys.map((_, index) => String(index)));
    });

    it('forgets an entry when its time is over', async () => {
      await set({ short: 'x' }, 200);
      await set({ long: 'y' }, 60_000);
      await harness.passTime(100);
      expect(await get('short', 'long')).toEqual(['x', 'y']);
      await harness.passTime(150);
      expect(await get('short', 'long')).toEqual([undefined, 'y']);
    });

    it('counts the time from the last set', async () => {
      await set({ a: 'x' }, 200);
      await harness.passTime(150);
      await set({ a: 'y' }, 200);
      await harness.passTime(150);
      expect(await get('a')).toEqual(['y']);
    });

    it('forgets everything when cleared, and goes on', async () => {
      await set({ a: 'x', b: 'y' });
      harness.cache.clear();
      await harness.settle();
      expect(await get('a', 'b')).toEqual([undefined, undefined]);
      await set({ a: 'z' });
      expect(await get('a')).toEqual(['z']);
    });

    it('is not changed by what happens to buffers given in or handed out', async () => {
      const value = Buffer.from('kept');
      harness.cache.setMany([{ key: 'a', value, ttlMs: 60_000 }]);
      await harness.settle();
      value.fill(0);
      const [handedOut] = await harness.cache.getMany(['a'], new Deadline(new ManualClock(), 1000));
      handedOut?.fill(1);
      expect(await get('a')).toEqual(['kept']);
    });
  });
}
