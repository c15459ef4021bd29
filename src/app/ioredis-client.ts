import type { ChainableCommander, Cluster, Redis } from 'ioredis';
import type { BareRedisClient } from '../resilience/guarded-redis.js';
import { messageOf } from '../shared/errors.js';
import { RedisReplyError, type RedisEntry, type RedisScript } from '../shared/redis-client.js';

/** Error replies after which no other command would fare better; each with what to look at. */
const uselessReplies: Readonly<Record<string, string>> = {
  NOAUTH: 'Redis wants credentials (redis.username, redis.password)',
  WRONGPASS: 'Redis refused the credentials (redis.username, redis.password)',
  LOADING: 'Redis is still loading its data',
  MASTERDOWN: 'Redis is a replica without its master',
};
const untrustedCertificate = /self[- ]signed|unable to (verify|get)|altname|certificate/i;
const checkAgainMs = 200;

/**
 * ioredis as the parts see it. Takes a client that neither queues nor retries. A connection counts once it has answered a PING: behind a
 * proxy, or on a machine that has stopped, connections open and nothing answers.
 */
export class IoRedisClient implements BareRedisClient {
  readonly #client: Redis | Cluster;
  readonly #listeners: ((lostBy: string | undefined) => void)[] = [];
  #answers = false;
  #lastError: string | undefined;
  #checkAgain: NodeJS.Timeout | undefined;

  constructor(client: Redis | Cluster) {
    this.#client = client;
    client.on('ready', () => void this.#check());
    client.on('error', (error: Error) => this.#failed(error));
    client.on('node error', (error: Error) => this.#failed(error));
    client.on('close', () => this.#lost(this.#lastError ?? 'the connection was closed'));
  }

  get reachable(): boolean {
    return this.#answers && this.#client.status === 'ready';
  }

  onConnection(listener: (lostBy: string | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** Begins to connect, and goes on trying for ever. Waits `limitMs` for the first success. @returns whether there was one. */
  connect(limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), limitMs);
      this.onConnection((lostBy) => {
        clearTimeout(timer);
        resolve(lostBy === undefined);
      });
      this.#client.connect().catch((error: unknown) => this.#lost(this.#lastError ?? messageOf(error)));
    });
  }

  getMany(keys: readonly string[]): Promise<(Buffer | null)[]> {
    const client = this.#client;
    if (!client.isCluster) return answered(client.mgetBuffer([...keys]));
    return Promise.all(keys.map((key) => answered(client.getBuffer(key)).catch(nullForOtherTypes)));
  }

  async setMany(entries: readonly RedisEntry[]): Promise<void> {
    if (this.#client.isCluster) {
      await Promise.all(entries.map((entry) => answered(set(this.#client, entry))));
      return;
    }
    const pipeline = this.#client.pipeline();
    for (const entry of entries) void set(pipeline, entry);
    const failed = (await answered(pipeline.exec()))?.find(([error]) => error !== null)?.[0];
    if (failed) throw replyError(failed);
  }

  async runScript({ source, sha1 }: RedisScript, key: string, args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await answered(this.#client.evalsha(sha1, 1, key, ...args));
    } catch (error) {
      if (!(error instanceof RedisReplyError && error.message.startsWith('NOSCRIPT'))) throw error;
      return answered(this.#client.eval(source, 1, key, ...args));
    }
  }

  async ping(): Promise<void> {
    await answered(this.#client.ping());
  }

  close(): Promise<void> {
    clearTimeout(this.#checkAgain);
    this.#listeners.length = 0;
    this.#client.disconnect();
    return Promise.resolve();
  }

  async #check(): Promise<void> {
    try {
      await this.ping();
    } catch (error) {
      const useless = uselessBecause(error);
      if (useless !== undefined) this.#checkAgain = setTimeout(() => void this.#check(), checkAgainMs).unref();
      if (useless !== undefined) return this.#lost(useless);
      // The connection is gone again, which is told by its own event.
      if (!(error instanceof RedisReplyError)) return;
    }
    this.#answers = true;
    this.#lastError = undefined;
    for (const listener of this.#listeners) listener(undefined);
  }

  #failed(error: Error): void {
    const { lastNodeError } = error as { lastNodeError?: Error };
    this.#lastError = inWords(lastNodeError ?? error);
    if (!this.reachable) this.#lost(this.#lastError);
  }

  #lost(cause: string): void {
    this.#answers = false;
    for (const listener of this.#listeners) listener(cause);
  }
}

function set(client: Redis | Cluster | ChainableCommander, { key, value, ttlMs }: RedisEntry): Promise<unknown> {
  return (ttlMs === undefined ? client.set(key, value) : client.set(key, value, 'PX', ttlMs)) as Promise<unknown>;
}

async function answered<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw replyError(error);
  }
}

function replyError(error: unknown): unknown {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  return isReply ? new RedisReplyError(error.message) : error;
}

/** MGET answers nothing for a value that is no string; GET refuses. */
function nullForOtherTypes(error: unknown): null {
  if (error instanceof RedisReplyError && error.message.startsWith('WRONGTYPE')) return null;
  throw error;
}

function uselessBecause(error: unknown): string | undefined {
  if (!(error instanceof RedisReplyError)) return undefined;
  const words = uselessReplies[error.message.split(' ')[0] ?? ''];
  return words === undefined ? undefined : `${words}: ${error.message}`;
}

function inWords(error: Error): string {
  const words = uselessReplies[error.message.split(' ')[0] ?? ''];
  if (words !== undefined) return `${words}: ${error.message}`;
  if (untrustedCertificate.test(error.message)) {
    return `the certificate of Redis is not trusted (redis.tls.ca_file): ${error.message}`;
  }
  return error.message;
}
