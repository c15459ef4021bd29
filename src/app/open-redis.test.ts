import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.js';
import { openRedis, redisIsConfigured } from './open-redis.js';

const configOf = (settings: Record<string, string>) => {
  const variables = Object.entries(settings).map(([key, value]) => [`INFERENCE_SERVICE__REDIS__${key}`, value]);
  return loadConfig({ environment: Object.fromEntries(variables) as Record<string, string>, file: '/dev/null' }).config;
};

async function open(settings: Record<string, string>) {
  const causes: string[] = [];
  const redis = await openRedis(configOf({ CONNECT_TIMEOUT_MS: '500', ...settings }), {
    redisUnreachable: (cause) => void causes.push(cause),
    redisReachable: () => undefined,
    redisRefused: () => undefined,
  });
  await redis?.close();
  return { redis, causes };
}

describe('openRedis', () => {
  it('opens nothing where none is configured', async () => {
    expect((await open({})).redis).toBeUndefined();
    expect(redisIsConfigured(configOf({ SENTINELS: 's:26379' }).inference_service.redis)).toBe(true);
  });

  // Nothing listens on port 1.
  it.each([
    ['a server', { HOST: '127.0.0.1', PORT: '1', USERNAME: 'u', PASSWORD: 'p' }],
    ['a server by TLS', { HOST: '127.0.0.1', PORT: '1', TLS__ENABLED: 'true', TLS__CA_FILE: 'package.json' }],
    ['a cluster', { CLUSTER_NODES: '127.0.0.1:1,[::1]:1' }],
    ['a cluster by TLS', { CLUSTER_NODES: '127.0.0.1:1', TLS__ENABLED: 'true' }],
    ['sentinels', { SENTINELS: '127.0.0.1:1', SENTINEL_PASSWORD: 'p' }],
    ['sentinels by TLS', { SENTINELS: '127.0.0.1:1', TLS__ENABLED: 'true' }],
  ])('goes on without %s that is not there, and says why', async (_name, settings) => {
    const { redis, causes } = await open(settings);
    expect(redis?.reachable).toBe(false);
    expect(causes.length).toBeGreaterThan(0);
  });
});
