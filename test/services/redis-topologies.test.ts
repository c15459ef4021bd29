import { systemTimers } from '../../src/shared/timers.js';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisWindows } from '../../src/access/rate-limit/redis-windows.js';
import { RedisFeatureCache } from '../../src/features/caches/redis-cache.js';
import { systemClock } from '../../src/shared/clock.js';
import { connectRedis, redisCli, redisSettings, type TestRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/servers.js';
import { eventually } from '../support/service.js';

const patient = { COMMAND_TIMEOUT_MS: '2000' };

/** The cache and the windows over one client, and what they told of. */
function parts({ redis }: TestRedis) {
  const told: string[] = [];
  const keyPrefix = `t-${randomUUID()}:`;
  const endOfCallback = (action: () => void) => systemTimers.endOfCallback(action);
  const cache = new RedisFeatureCache({
    ...{ client: redis, keyPrefix, endOfCallback },
    observer: { cacheTrouble: ({ kind }) => void told.push(kind) },
  });
  const windows = new RedisWindows({
    ...{ client: redis, keyPrefix, processes: 1, clock: systemClock },
    observer: { limiterDegraded: () => void told.push('degraded'), limiterOverflow: () => undefined },
  });
  return { cache, windows, told };
}

const entries = Array.from({ length: 50 }, (_, i) => ({ key: `k${i}`, value: Buffer.from(`v${i}`), ttlMs: 60_000 }));
const keys = entries.map(({ key }) => key);

async function holds(cache: RedisFeatureCache): Promise<boolean> {
  if (!cache.reachable) return false;
  const values = await cache.getMany(keys).catch(() => []);
  return values.length > 0 && values.every((value, i) => value?.toString() === `v${i}`);
}

describe('Redis Cluster of three nodes', () => {
  let nodes: TestServer[];
  let opened: TestRedis;

  beforeAll(async () => {
    nodes = [];
    for (let i = 0; i < 3; i++) nodes.push(await startServer('redis', { REDIS_ARGS: '--cluster-enabled yes' }));
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await redisCli(nodes[0]!.port, '--cluster', 'create', ...addresses, '--cluster-yes');
    await eventually(
      async () => (await redisCli(nodes[2]!.port, 'CLUSTER', 'INFO')).includes('cluster_state:ok'),
      30_000,
    );
    opened = await connectRedis(redisSettings({ ...patient, CLUSTER_NODES: addresses.slice(0, 2).join(',') }));
  });
  afterAll(async () => {
    await opened.redis.close();
    await Promise.all(nodes.map((node) => node.remove()));
  });

  it('holds entries on all nodes, reads them together, and clears them at once', async () => {
    const { cache, told } = parts(opened);
    cache.setMany(entries);
    await eventually(() => holds(cache));
    for (const { port } of nodes) expect(Number(await redisCli(port, 'DBSIZE'))).toBeGreaterThan(3);
    cache.clear();
    expect(await cache.getMany(keys)).toEqual(keys.map(() => undefined));
    expect(told).toEqual([]);
  });

  it('holds limits, wherever their windows are', async () => {
    const { windows, told } = parts(opened);
    for (const caller of keys.slice(0, 20)) {
      for (const allowed of [true, true, false]) expect(await windows.take(caller, 2, 1)).toMatchObject({ allowed });
    }
    expect(told).toEqual([]);
  });

  it('takes a value of another type for a miss', async () => {
    const key = `inference:${randomUUID()}`;
    await redisCli(nodes[0]!.port, '-c', 'LPUSH', key, 'x');
    expect(await opened.redis.getMany([key])).toEqual([null]);
  });
});

describe('Redis Sentinel', () => {
  let master: TestServer;
  let replica: TestServer;
  let sentinel: TestServer;
  let opened: TestRedis;

  beforeAll(async () => {
    master = await startServer('redis');
    replica = await startServer('redis', { REDIS_ARGS: `--replicaof 127.0.0.1 ${master.port}` });
    await eventually(
      async () => (await redisCli(replica.port, 'INFO', 'replication')).includes('link_status:up'),
      30_000,
    );
    sentinel = await startServer('redis', { REDIS_SENTINEL_OF: String(master.port) });
    const known = async () => redisCli(sentinel.port, 'SENTINEL', 'replicas', 'mymaster');
    await eventually(async () => (await known()).includes(String(replica.port)), 30_000);
    opened = await connectRedis(redisSettings({ ...patient, SENTINELS: `127.0.0.1:${sentinel.port}` }));
  });
  afterAll(async () => {
    await opened.redis.close();
    await Promise.all([sentinel, replica, master].map((one) => one.remove()));
  });

  it('finds the master, and the new one when that dies', async () => {
    const { cache } = parts(opened);
    expect(opened.facts).toEqual([]);
    cache.setMany(entries);
    await eventually(() => holds(cache));
    await master.signal('SIGKILL');
    await eventually(() => !opened.redis.reachable);
    await eventually(() => opened.redis.reachable, 60_000);
    await eventually(async () => {
      cache.setMany(entries);
      return holds(cache);
    }, 20_000);
    expect(await redisCli(replica.port, 'INFO', 'replication')).toContain('role:master');
    expect(opened.facts[0]).toMatch(/^unreachable: /);
    expect(opened.facts.at(-1)).toBe('reachable');
  });
});
