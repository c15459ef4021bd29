import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openRedis } from '../../src/app/open-redis.js';
import { loadConfig } from '../../src/config/load.js';
import type { GuardedRedis } from '../../src/resilience/guarded-redis.js';
import type { RedisClient } from '../../src/shared/redis-client.js';

const run = promisify(execFile);

/** Variables for a service or a client that uses the Redis on `port`. Patient: the time limit has tests of its own. */
export function redisVariables(port: number, rest: Record<string, string> = {}): Record<string, string> {
  return {
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(port),
    ...redisSettings({ COMMAND_TIMEOUT_MS: '2000' }),
    ...rest,
  };
}

export function redisSettings(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`INFERENCE_SERVICE__REDIS__${key}`, value]),
  );
}

export interface TestRedis {
  readonly redis: GuardedRedis;
  /** What the observer was told, in order. */
  readonly facts: string[];
}

/** Redis as the service opens it from these variables. */
export async function connectRedis(environment: Record<string, string>): Promise<TestRedis> {
  const { config } = loadConfig({ environment, file: '/dev/null' });
  const facts: string[] = [];
  const redis = await openRedis(config, {
    redisUnreachable: (cause) => void facts.push(`unreachable: ${cause}`),
    redisReachable: () => void facts.push('reachable'),
    redisRefused: (cause) => void facts.push(`refused: ${cause}`),
  });
  if (redis === undefined) throw new Error('These variables name no Redis');
  return { redis, facts };
}

/** What `redis-cli` prints. */
export async function redisCli(port: number, ...args: string[]): Promise<string> {
  const { stdout } = await run('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...args], { timeout: 20_000 });
  return stdout.trim();
}

/** The same client; `idle` resolves once every call made so far has ended. */
export function watched(client: RedisClient): { client: RedisClient; idle: () => Promise<void> } {
  let pending = 0;
  const counted = async <T>(call: Promise<T>): Promise<T> => {
    pending++;
    try {
      return await call;
    } finally {
      pending--;
    }
  };
  return {
    client: {
      get reachable() {
        return client.reachable;
      },
      getMany: (keys) => counted(client.getMany(keys)),
      setMany: (entries) => counted(client.setMany(entries)),
      runScript: (script, key, args) => counted(client.runScript(script, key, args)),
    },
    async idle() {
      do await new Promise((resolve) => setImmediate(resolve));
      while (pending > 0);
    },
  };
}
