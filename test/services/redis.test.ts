import { systemTimers } from '../../src/shared/timers.js';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { RedisWindows } from '../../src/access/rate-limit/redis-windows.js';
import { RedisFeatureCache } from '../../src/features/caches/redis-cache.js';
import { featureCacheContract } from '../../src/features/feature-cache.contract.js';
import { systemClock } from '../../src/shared/clock.js';
import { RedisReplyError, type RedisClient } from '../../src/shared/redis-client.js';
import { connectRedis, redisCli, redisSettings, redisVariables, watched, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually } from '../support/service.js';

const acl = [
  // What docs/redis.md says that the service needs.
  'user service on >service-secret ~inference:* +mget +get +set +evalsha +eval +ping +time +type +pexpire +del +zremrangebyscore +zcard +zrange +zadd +hgetall +hdel +hincrby',
  'user reader on >reader-secret ~inference:* +@read +ping',
].join('\n');

let server: TestServer;
let shared: TestRedis;
const endOfCallback = (action: () => void) => systemTimers.endOfCallback(action);

beforeAll(async () => {
  server = await startServer('redis', { REDIS_TLS: '1', REDIS_ACL: acl });
  shared = await connectRedis(redisVariables(server.port));
});
afterAll(async () => {
  await shared.redis.close();
  await server.remove();
});

async function connected(variables: Record<string, string>): Promise<TestRedis> {
  const opened = await connectRedis(redisVariables(server.port, variables));
  onTestFinished(() => opened.redis.close());
  return opened;
}

/** Redis's own clock cannot be moved: entries live longer by this factor, and time passes by shortening what is left to them. */
const slower = 1000;

function makeCache(client: RedisClient = shared.redis, keyPrefix = `t-${randomUUID()}:`) {
  const { client: counted, idle } = watched(client);
  const trouble: string[] = [];
  const observer = { cacheTrouble: ({ kind }: { kind: string }) => void trouble.push(kind) };
  const cache = new RedisFeatureCache({ client: counted, keyPrefix, observer, endOfCallback });
  return { cache, idle, keyPrefix, trouble };
}

async function age(keyPrefix: string, milliseconds: number): Promise<void> {
  const script = `for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
    local left = redis.call('PTTL', key)
    if left >= 0 then redis.call('PEXPIRE', key, left - ARGV[2]) end
  end`;
  await redisCli(server.port, 'EVAL', script, '0', keyPrefix, String(milliseconds));
}

featureCacheContract('RedisFeatureCache', () => {
  const { cache, idle, keyPrefix } = makeCache();
  return {
    cache: {
      getMany: (keys) => cache.getMany(keys),
      setMany: (entries) => cache.setMany(entries.map((entry) => ({ ...entry, ttlMs: entry.ttlMs * slower }))),
      clear: () => cache.clear(),
      close: () => cache.close(),
    },
    passTime: (milliseconds) => age(keyPrefix, milliseconds * slower),
    settle: idle,
  };
});

describe('RedisFeatureCache, between processes', () => {
  const entry = (key: string, value = 'v') => ({ key, value: Buffer.from(value), ttlMs: 60_000 });

  it('shares entries, and a clearing by one reaches the other with its next read', async () => {
    const one = makeCache();
    const other = makeCache(shared.redis, one.keyPrefix);
    one.cache.setMany([entry('a')]);
    await one.idle();
    await other.cache.getMany(['a']);
    expect(await other.cache.getMany(['a'])).toEqual([Buffer.from('v')]);
    one.cache.clear();
    await one.idle();
    expect(await other.cache.getMany(['a'])).toEqual([undefined]);
    other.cache.setMany([entry('a', 'new')]);
    await other.idle();
    expect(await one.cache.getMany(['a'])).toEqual([Buffer.from('new')]);
  });

  it('never finds entries of before a clearing again, also when Redis loses the epoch', async () => {
    const { cache, idle, keyPrefix } = makeCache();
    for (const value of ['one', 'two', 'three']) {
      cache.setMany([entry('a', value)]);
      await idle();
      await redisCli(server.port, 'DEL', `${keyPrefix}features:epoch`);
      expect(await cache.getMany(['a'])).toEqual([undefined]);
      expect(await cache.getMany(['a'])).toEqual([undefined]);
    }
  });

  it('reads what one turn of the event loop asks for in one round trip', async () => {
    const { cache, idle } = makeCache();
    cache.setMany([entry('a', '1'), entry('b', '2'), entry('c', '3')]);
    await idle();
    const calls = async () =>
      Number(/cmdstat_mget:calls=(\d+)/.exec(await redisCli(server.port, 'INFO', 'commandstats'))?.[1]);
    const before = await calls();
    const reads = await Promise.all([['a', 'b'], ['c'], ['nothing', 'a']].map((keys) => cache.getMany(keys)));
    expect(reads.map((values) => values.map((value) => value?.toString()))).toEqual([
      ['1', '2'],
      ['3'],
      [undefined, '1'],
    ]);
    expect((await calls()) - before).toBe(1);
  });

  it('does not take what is too large, and says so when Redis is full', async () => {
    const full = await startServer('redis', { REDIS_MAXMEMORY: '1mb' });
    onTestFinished(() => full.remove());
    const { redis, facts } = await connectRedis(redisVariables(full.port));
    onTestFinished(() => redis.close());
    const { cache, idle, trouble } = makeCache(redis);
    cache.setMany([{ ...entry('large'), value: Buffer.alloc(200_000) }]);
    for (let i = 0; i < 40; i++) cache.setMany([{ ...entry(`k${i}`), value: Buffer.alloc(100_000) }]);
    await idle();
    expect(trouble[0]).toBe('too_large');
    expect(trouble).toContain('write_failed');
    expect(facts.filter((fact) => /^refused: OOM/.test(fact))).toHaveLength(1);
    expect(redis.reachable).toBe(true);
  });
});

describe('who may use Redis', () => {
  const entry = { key: 'inference:k', value: Buffer.from('v'), ttlMs: 60_000 };

  it('a user with the rights that docs/redis.md lists can do all that the service does', async () => {
    const { redis, facts } = await connected({
      REDIS_PASSWORD: 'service-secret',
      ...redisSettings({ USERNAME: 'service' }),
    });
    const { cache, idle } = makeCache(redis, 'inference:acl:');
    cache.setMany([{ key: 'a', value: Buffer.from('v'), ttlMs: 60_000 }]);
    await idle();
    expect(await cache.getMany(['a'])).toEqual([Buffer.from('v')]);
    const degraded: string[] = [];
    const windows = new RedisWindows({
      ...{ client: redis, keyPrefix: 'inference:', processes: 1, clock: systemClock },
      observer: { limiterDegraded: () => degraded.push('degraded'), limiterOverflow: () => undefined },
    });
    for (const limit of [2, 2, 2, 2000, 2000]) await windows.take('somebody', limit, 1);
    expect(await windows.take('somebody', 4, 1)).toMatchObject({ allowed: false, remaining: 0 });
    expect(degraded).toEqual([]);
    expect(facts).toEqual([]);
  });

  it('a user who lacks a right is told of once, by name of the command', async () => {
    const { redis, facts } = await connected({
      REDIS_PASSWORD: 'reader-secret',
      ...redisSettings({ USERNAME: 'reader' }),
    });
    expect(await redis.getMany(['inference:none'])).toEqual([null]);
    for (let i = 0; i < 10; i++) await expect(redis.setMany([entry])).rejects.toThrow(RedisReplyError);
    expect(facts).toEqual([expect.stringMatching(/^refused: NOPERM .*'set' command/)]);
    expect(redis.reachable).toBe(true);
  });

  it('a wrong password is named, and does not keep the service from starting', async () => {
    const { redis, facts } = await connected({
      REDIS_PASSWORD: 'wrong',
      ...redisSettings({ USERNAME: 'service' }),
    });
    expect(facts[0]).toMatch(
      /^unreachable: Redis refused the credentials \(redis\.username, redis\.password\): WRONGPASS/,
    );
    expect(redis.reachable).toBe(false);
    await expect(redis.getMany(['inference:k'])).rejects.toThrow('WRONGPASS');
  });

  it('a missing password is named, and a password set later is not needed to recover', async () => {
    await redisCli(server.port, 'CONFIG', 'SET', 'requirepass', 'now-needed');
    const { redis, facts } = await connected({});
    expect(facts).toEqual([expect.stringMatching(/^unreachable: Redis wants credentials .*NOAUTH/)]);
    await redisCli(server.port, '-a', 'now-needed', 'ACL', 'SETUSER', 'default', 'nopass');
    await eventually(() => redis.reachable);
    expect(facts.at(-1)).toBe('reachable');
  });
});

describe('TLS to Redis', () => {
  it('is trusted with the authority that is named', async () => {
    const { redis, facts } = await connected({
      REDIS_PORT: String(server.port + 1),
      ...redisSettings({ TLS__ENABLED: 'true', TLS__CA_FILE: path.join(server.directory, 'tls/ca.pem') }),
    });
    await redis.setMany([{ key: 'tls', value: Buffer.from('yes'), ttlMs: 60_000 }]);
    expect(await redis.getMany(['tls'])).toEqual([Buffer.from('yes')]);
    expect(facts).toEqual([]);
  });

  it('is not trusted without it, in words that name the setting', async () => {
    const { redis, facts } = await connected({
      REDIS_PORT: String(server.port + 1),
      ...redisSettings({ TLS__ENABLED: 'true' }),
    });
    expect(facts[0]).toMatch(/^unreachable: the certificate of Redis is not trusted \(redis\.tls\.ca_file\)/);
    expect(redis.reachable).toBe(false);
  });
});
