import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { Config } from '../config/schema.js';
import { GuardedRedis } from '../resilience/guarded-redis.js';
import { systemClock } from '../shared/clock.js';
import type { RedisObserver } from '../shared/redis-client.js';
import { IoRedisClient } from './ioredis-client.js';
import { systemTimers } from '../shared/timers.js';

/** What one server and the nodes of a cluster have in common. */
type ConnectionOptions = Legacy<NonNullable<ClusterOptions['redisOptions']>>;
/** Replies in the forms of the Redis protocol's second version. */
type Legacy<Options> = Omit<Options, 'replyMapping'>;
type Settings = Config['inference_service']['redis'];

/** Reconnecting must not be what keeps a Redis that is back from being used: see docs/redis.md. */
const longestReconnectMs = 200;
const maxRedirections = 3;

/** Whether the configuration names a Redis at all: one server, sentinels or the nodes of a cluster. */
export function redisIsConfigured({ host, sentinels, cluster_nodes }: Settings): boolean {
  return host !== undefined || sentinels.length > 0 || cluster_nodes.length > 0;
}

/**
 * Redis for the cache and the rate limits of this process; undefined where none is configured. One that is out of reach does not stop
 * the start: it is waited for briefly, told of, and used once it is there.
 */
export async function openRedis(config: Config, observer: RedisObserver): Promise<GuardedRedis | undefined> {
  const { redis, cache } = config.inference_service;
  if (!redisIsConfigured(redis)) return undefined;
  const client = await connectorOf(redis);
  const guarded = new GuardedRedis({
    client,
    limitMs: redis.command_timeout_ms,
    maxRetries: cache.max_retries,
    clock: systemClock,
    timers: systemTimers,
    observer,
  });
  await client.connect(redis.connect_timeout_ms);
  return guarded;
}

/** ioredis is loaded only where it is used. */
async function connectorOf(settings: Settings): Promise<IoRedisClient> {
  const { Cluster, Redis } = await import('ioredis');
  if (settings.cluster_nodes.length === 0) return new IoRedisClient(new Redis(serverOptions(settings)));
  return new IoRedisClient(new Cluster(settings.cluster_nodes.map(addressOf), clusterOptions(settings)));
}

function serverOptions(settings: Settings): Legacy<RedisOptions> {
  const { host, port, sentinels, sentinel_name, sentinel_password, db } = settings;
  const common = { ...connectionOptions(settings), db, lazyConnect: true, enableOfflineQueue: false, retryStrategy };
  if (sentinels.length === 0) return { ...common, host: host!, port };
  return {
    ...common,
    sentinels: sentinels.map(addressOf),
    name: sentinel_name,
    ...(sentinel_password !== undefined && { sentinelPassword: sentinel_password }),
    ...(common.tls !== undefined && { sentinelTLS: common.tls, enableTLSForSentinelMode: true }),
    sentinelRetryStrategy: retryStrategy,
    // The answer to INFO says whether the server is the master still.
    enableReadyCheck: true,
  };
}

function clusterOptions(
  settings: Settings,
): Omit<ClusterOptions, 'redisOptions'> & { redisOptions: ConnectionOptions } {
  return {
    redisOptions: connectionOptions(settings),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRedirections,
    slotsRefreshTimeout: settings.connect_timeout_ms,
    slotsRefreshInterval: 5000,
    clusterRetryStrategy: retryStrategy,
    // Certificates are issued for names: the cluster's own answer has addresses.
    ...(settings.tls.enabled && { dnsLookup: (address, callback) => callback(null, address) }),
  };
}

/**
 * No time limit of ioredis on commands: it would hold for the handshake too. A connection on which an answer is due and nothing comes for
 * `connect_timeout_ms` is given up.
 */
function connectionOptions({ username, password, tls, connect_timeout_ms }: Settings): ConnectionOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls.enabled && { tls: tls.ca_file === undefined ? {} : { ca: readFileSync(path.resolve(tls.ca_file)) } }),
    protocol: 2,
    connectTimeout: connect_timeout_ms,
    socketTimeout: connect_timeout_ms,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
}

function retryStrategy(times: number): number {
  return Math.min(longestReconnectMs, 5 * 2 ** (times - 1));
}

/** `host:port`, an IPv6 address in brackets. The pattern of the option has checked it. */
function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
