/** One value to keep under a key. */
export interface RedisEntry {
  readonly key: string;
  readonly value: Buffer;
  /** Whole milliseconds, 1 or more; without it the value is kept until it is replaced. */
  readonly ttlMs?: number;
}

/** A Lua script, sent by its SHA-1 and once in full to a server that does not know it. */
export interface RedisScript {
  readonly source: string;
  /** Hex. */
  readonly sha1: string;
}

/**
 * What the parts that use Redis (or Valkey) need of a client. Each method is one round trip. It rejects with RedisReplyError when the server
 * refused, with any other Error when it is out of reach; it never waits for a connection.
 */
export interface RedisClient {
  /** Whether a call has a chance: connected, and not known to be failing. */
  readonly reachable: boolean;
  /** In the order asked; null where there is no value, or one that is no string. */
  getMany(keys: readonly string[]): Promise<(Buffer | null)[]>;
  setMany(entries: readonly RedisEntry[]): Promise<void>;
  /** The script's answer: an array of numbers comes as that. */
  runScript(script: RedisScript, key: string, args: readonly (string | number)[]): Promise<unknown>;
}

/** Redis answered, with an error: NOAUTH, NOPERM, OOM, LOADING … */
export class RedisReplyError extends Error {
  override readonly name = 'RedisReplyError';
}

/** Redis is not connected, or fails so often that it is not asked. */
export class RedisUnreachableError extends Error {
  override readonly name = 'RedisUnreachableError';
}

/** Facts about Redis, for metrics and the log. Causes are Redis's or the system's words, for operators. */
export interface RedisObserver {
  /** It can no longer be used: told once, and again only when the cause is another one. */
  redisUnreachable(cause: string): void;
  redisReachable(): void;
  /** It refused a command. The same words are told once for each connection. */
  redisRefused(cause: string): void;
}
