import { describe, expect, it } from 'vitest';
import { FakeRedis } from '../../../test/support/fake-redis.js';
import { RedisReplyError } from '../../shared/redis-client.js';
import { featureCacheContract } from '../feature-cache.contract.js';
import { RedisFeatureCache } from './redis-cache.js';

const settle = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

function make(redis = new FakeRedis()) {
  const trouble: string[] = [];
  const cache = new RedisFeatureCache({
    ...{ client: redis, keyPrefix: 'p:', endOfCallback: (action) => void setImmediate(action) },
    observer: { cacheTrouble: ({ kind }) => void trouble.push(kind) },
  });
  const set = async (key: string, value: string) => {
    cache.setMany([{ key, value: Buffer.from(value), ttlMs: 60_000 }]);
    await settle();
  };
  const get = async (...keys: string[]) => (await cache.getMany(keys)).map((value) => value?.toString());
  return { redis, cache, trouble, set, get };
}

featureCacheContract('RedisFeatureCache over a fake', () => {
  const { redis, cache } = make();
  return { cache, passTime: (ms) => redis.clock.advance(ms), settle };
});

describe('RedisFeatureCache', () => {
  it('reads all that one turn asks for in one round trip, and no more than a thousand keys', async () => {
    const { redis, set, cache } = make();
    await set('a', 'x');
    redis.calls.length = 0;
    const many = Array.from({ length: 600 }, (_, i) => `k${i}`);
    const reads = [cache.getMany(['a']), cache.getMany(many), cache.getMany(['a', 'b']), cache.getMany(many)];
    expect((await Promise.all(reads)).map((values) => values.length)).toEqual([1, 600, 2, 600]);
    expect((await reads[2])?.[0]?.toString()).toBe('x');
    expect(redis.calls).toEqual(['getMany', 'getMany']);
  });

  it('fails at once while Redis is known to be out of reach, and writes nothing', async () => {
    const { redis, cache, get, set } = make();
    await set('a', 'x');
    redis.reachable = false;
    redis.calls.length = 0;
    expect(() => cache.getMany(['a'])).toThrow('out of reach');
    await set('a', 'y');
    expect(redis.calls).toEqual([]);
    expect(cache.reachable).toBe(false);
    redis.reachable = true;
    expect(await get('a')).toEqual(['x']);
  });

  it('fails every read of the turn when the round trip fails, and goes on after it', async () => {
    const { redis, cache, get, set, trouble } = make();
    await set('a', 'x');
    redis.failure = new Error('gone');
    const results = await Promise.allSettled([cache.getMany(['a']), cache.getMany(['b'])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await set('b', 'lost');
    redis.failure = new RedisReplyError('OOM');
    await set('b', 'refused');
    expect(trouble).toEqual(['unreachable', 'write_failed']);
    redis.failure = undefined;
    expect(await get('a', 'b')).toEqual(['x', undefined]);
  });

  it('makes up for a clearing that Redis was not there to take, before it reads or writes', async () => {
    const { redis, cache, get, set, trouble } = make();
    await set('a', 'old');
    redis.failure = new Error('gone');
    cache.clear();
    await settle();
    await expect(cache.getMany(['a'])).rejects.toThrow('gone');
    redis.failure = undefined;
    expect(await get('a')).toEqual([undefined]);
    expect(await get('a')).toEqual([undefined]);
    await set('a', 'new');
    expect(await get('a')).toEqual(['new']);
    expect(trouble).toEqual(['unreachable']);
  });

  it('is not taken back to before a clearing by what was under way', async () => {
    const { redis, cache, get, set } = make();
    await set('a', 'old');
    const open = redis.hold();
    const before = cache.getMany(['a']);
    await settle();
    cache.clear();
    cache.clear();
    cache.setMany([{ key: 'b', value: Buffer.from('written after'), ttlMs: 60_000 }]);
    open();
    await before;
    await settle();
    expect(await get('a', 'b')).toEqual([undefined, 'written after']);
  });

  it('learns of a clearing by another process with its next read', async () => {
    const redis = new FakeRedis();
    const [one, other] = [make(redis), make(redis)];
    await one.set('a', 'old');
    expect(await other.get('a')).toEqual([undefined]);
    expect(await other.get('a')).toEqual(['old']);
    one.cache.clear();
    await settle();
    expect(await other.get('a')).toEqual([undefined]);
    await other.set('a', 'new');
    expect(await one.get('a')).toEqual(['new']);
  });

  it('does not keep rows that would hold everybody up', async () => {
    const { cache, get, trouble } = make();
    cache.setMany([{ key: 'a', value: Buffer.alloc(128 * 1024 + 1), ttlMs: 1000 }]);
    await settle();
    expect(await get('a')).toEqual([undefined]);
    expect(trouble).toEqual(['too_large']);
  });
});
