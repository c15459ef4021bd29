import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { featureCacheContract } from '../feature-cache.contract.js';
import { MemoryCache } from './memory-cache.js';

const mebibyte = 1024 * 1024;

function makeCache(maxBytes = mebibyte) {
  const clock = new ManualClock();
  const facts = { evicted: 0, trouble: [] as string[] };
  const observer = {
    cacheEvicted: ({ entries }: { entries: number }) => void (facts.evicted += entries),
    cacheTrouble: ({ kind }: { kind: string }) => void facts.trouble.push(kind),
  };
  return { cache: new MemoryCache({ maxBytes, clock, observer }), clock, facts };
}

featureCacheContract('MemoryCache', () => {
  const { cache, clock } = makeCache();
  return { cache, passTime: (ms) => clock.advance(ms), settle: () => undefined };
});

describe('MemoryCache', () => {
  const entry = (key: string, bytes = 200, ttlMs = 60_000) => ({ key, value: Buffer.alloc(bytes, key), ttlMs });

  it('never holds more than its bound, and counts what it dropped', () => {
    const { cache, facts } = makeCache(2 * mebibyte);
    for (let index = 0; index < 50_000; index++) {
      cache.set(entry(`key-${index}`));
      if (cache.bytes > 2 * mebibyte) expect.unreachable(`${cache.bytes} bytes`);
    }
    expect(cache.entries + facts.evicted).toBe(50_000);
    expect(cache.entries).toBeGreaterThan(3000);
    expect(cache.get('key-49999')).toEqual(Buffer.alloc(200, 'key-49999'));
    expect(cache.get('key-0')).toBeUndefined();
  });

  it('keeps what is read and drops what is not', () => {
    const { cache } = makeCache();
    cache.set(entry('hot'));
    for (let index = 0; index < 20_000; index++) {
      cache.set(entry(`cold-${index}`));
      if (index % 100 === 0 && cache.get('hot') === undefined) expect.unreachable(`lost after ${index}`);
    }
  });

  it('makes room even when everything was read', () => {
    const { cache, facts } = makeCache();
    for (let index = 0; index < 20_000; index++) {
      cache.set(entry(`key-${index}`));
      cache.get(`key-${index}`);
    }
    expect(facts.evicted).toBeGreaterThan(0);
    expect(cache.get('key-19999')).toBeDefined();
    expect(cache.bytes).toBeLessThanOrEqual(mebibyte);
  });

  it('bounds the number of tiny entries too', () => {
    const { cache } = makeCache();
    for (let index = 0; index < 60_000; index++) cache.set(entry(String(index), 0));
    expect(cache.entries).toBeGreaterThan(8000);
    expect(cache.entries).toBeLessThan(16_384);
    expect(cache.get('59999')).toBeDefined();
  });

  it('does not count an expired entry as evicted', () => {
    const { cache, clock, facts } = makeCache();
    for (let index = 0; index < 1000; index++) cache.set(entry(`old-${index}`, 200, 10));
    clock.advance(11);
    for (let index = 0; index < 4000; index++) cache.set(entry(`new-${index}`, 200));
    expect(cache.entries + facts.evicted).toBe(4000);
  });

  it('refuses a row larger than half a segment, says so, and forgets the old one', () => {
    const { cache, facts } = makeCache();
    cache.set(entry('a', 10));
    cache.set(entry('a', 140_000));
    expect(facts.trouble).toEqual(['too_large']);
    expect(cache.get('a')).toBeUndefined();
  });

  it('takes keys longer than its scratch memory', () => {
    const { cache } = makeCache();
    const long = 'é'.repeat(3000);
    const wide = '\u4e2d'.repeat(3000);
    cache.setMany([entry(long), entry(wide)]);
    expect(cache.getMany([long, wide, long + 'x']).map(Boolean)).toEqual([true, true, false]);
  });

  it('answers nothing after it was closed', async () => {
    const { cache } = makeCache();
    cache.set(entry('a'));
    await cache.close();
    expect(cache.get('a')).toBeUndefined();
    expect(cache.entries).toBe(0);
  });

  it('agrees with a Map about everything that it still holds', () => {
    const key = fc.oneof(fc.nat(300).map(String), fc.string({ maxLength: 5, unit: 'binary' }));
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), key, size: fc.integer({ min: 0, max: 9000 }), ttl: fc.nat(50) }),
      fc.record({ kind: fc.constant('get' as const), key }),
      fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(20) }),
      fc.record({ kind: fc.constant('clear' as const) }),
    );
    const weighted = fc.array(step, { minLength: 200, maxLength: 1500, size: 'max' });
    fc.assert(
      fc.property(weighted, (steps) => {
        const { cache, clock } = makeCache();
        const model = new Map<string, { value: Buffer; until: number }>();
        for (const [index, it] of steps.entries()) {
          if (it.kind === 'set') {
            const value = Buffer.alloc(it.size, `${index}-${it.key}`);
            cache.set({ key: it.key, value, ttlMs: it.ttl });
            model.set(it.key, { value, until: clock.monotonic() + it.ttl });
          } else if (it.kind === 'pass') clock.advance(it.ms);
          else if (it.kind === 'clear' && index % 20 === 0) {
            cache.clear();
            model.clear();
          } else if (it.kind === 'get') {
            const found = cache.get(it.key);
            const expected = model.get(it.key);
            if (found !== undefined) {
              expect(expected && expected.until > clock.monotonic()).toBe(true);
              expect(found.equals(expected!.value)).toBe(true);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
