import { randomBytes } from 'node:crypto';
import { RedisReplyError, RedisUnreachableError, type RedisClient } from '../../shared/redis-client.js';
import type { CacheEntry, FeatureCache } from '../feature-cache.js';
import type { FeaturesObserver } from '../observer.js';

export interface RedisFeatureCacheOptions {
  /** Bounds the time of each call itself; stays open when the cache is closed. */
  readonly client: RedisClient;
  /** Begins every key, so that several services can share a server. One for each database of features. */
  readonly keyPrefix: string;
  readonly observer: Pick<FeaturesObserver, 'cacheTrouble'>;
  /** Runs `action` once the callback is done that runs now: the requests of a turn are answered in one, and their reads are one. */
  readonly endOfCallback: (action: () => void) => void;
}

interface Reader {
  readonly keys: readonly string[];
  readonly resolve: (values: (Buffer | undefined)[]) => void;
  readonly reject: (error: unknown) => void;
}

/** A round trip takes no more keys than this, unless one reader alone asks for more. */
const mostKeys = 1000;
/** Redis works on one command at a time: larger rows would make everybody wait. As in the memory cache. */
const mostBytes = 128 * 1024;

/**
 * Packed rows in Redis, shared by all processes. All reads of one turn of the event loop are one round trip.
 *
 * Keys carry an epoch, a random word that Redis holds under one key and that every read brings along: `clear` replaces it, and whatever
 * was kept under the old one is never asked for again and dies of its time to live. So a clearing costs one SET however many
 * entries there are, reaches every process with its next read, and is not undone by Redis losing its data: a word is never used twice. A clearing
 * that Redis was not there to take is made up for before anything else is read.
 */
export class RedisFeatureCache implements FeatureCache {
  readonly #options: RedisFeatureCacheOptions;
  readonly #epochKey: string;
  /** undefined: to be asked for, or replaced. */
  #epoch: string | undefined;
  #clearings = 0;
  #clearingsDone = 0;
  #finding: Promise<string> | undefined;
  #readers: Reader[] = [];
  #waitingKeys = 0;

  constructor(options: RedisFeatureCacheOptions) {
    this.#options = options;
    this.#epochKey = `${options.keyPrefix}features:epoch`;
  }

  get reachable(): boolean {
    return this.#options.client.reachable;
  }

  /** @throws RedisUnreachableError at once while Redis is known to be out of reach. */
  getMany(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    if (!this.reachable) throw new RedisUnreachableError('Redis is out of reach');
    if (keys.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (this.#waitingKeys + keys.length > mostKeys) this.#readWaiting();
      this.#waitingKeys += keys.length;
      if (this.#readers.push({ keys, resolve, reject }) === 1) this.#options.endOfCallback(() => this.#readWaiting());
    });
  }

  setMany(entries: readonly CacheEntry[]): void {
    if (!this.reachable) return;
    const fitting = entries.filter(({ value }) => value.length <= mostBytes);
    for (let left = entries.length - fitting.length; left > 0; left--) this.#trouble('too_large');
    // What is handed in may be changed by its owner once this returns.
    const copies = fitting.map((entry) => ({ ...entry, value: Buffer.from(entry.value) }));
    if (copies.length > 0) void this.#write(copies).catch((error: unknown) => this.#writeFailed(error));
  }

  clear(): void {
    this.#clearings++;
    this.#epoch = undefined;
    // Where it fails now, the next read or write begins with it.
    void this.#findEpoch().catch((error: unknown) => this.#writeFailed(error));
  }

  close(): Promise<void> {
    this.#readWaiting();
    return Promise.resolve();
  }

  #readWaiting(): void {
    const readers = this.#readers;
    if (readers.length === 0) return;
    this.#readers = [];
    this.#waitingKeys = 0;
    this.#read(readers.flatMap(({ keys }) => keys)).then(
      (values) => {
        let from = 0;
        for (const { keys, resolve } of readers) resolve(values.slice(from, (from += keys.length)));
      },
      (error: unknown) => readers.forEach(({ reject }) => reject(error)),
    );
  }

  async #read(keys: readonly string[]): Promise<(Buffer | undefined)[]> {
    const epoch = this.#epoch;
    if (epoch === undefined) {
      // One round trip, and no second one within the same call: what there may be is found by the next read.
      await this.#findEpoch();
      return keys.map(() => undefined);
    }
    const clearings = this.#clearings;
    const [current, ...values] = await this.#options.client.getMany([
      this.#epochKey,
      ...keys.map((key) => this.#keyOf(epoch, key)),
    ]);
    if (current?.toString() === epoch) return values.map((value) => value ?? undefined);
    // Another process has cleared the cache, or Redis has lost the word.
    if (clearings === this.#clearings) this.#epoch = current?.toString();
    return keys.map(() => undefined);
  }

  async #write(entries: readonly CacheEntry[]): Promise<void> {
    const epoch = this.#epoch ?? (await this.#findEpoch());
    const kept = entries.map(({ key, value, ttlMs }) => ({
      key: this.#keyOf(epoch, key),
      value,
      ttlMs: Math.max(1, Math.floor(ttlMs)),
    }));
    await this.#options.client.setMany(kept);
  }

  #findEpoch(): Promise<string> {
    this.#finding ??= this.#settleEpoch().finally(() => (this.#finding = undefined));
    return this.#finding;
  }

  async #settleEpoch(): Promise<string> {
    for (;;) {
      const clearings = this.#clearings;
      const held = clearings === this.#clearingsDone ? await this.#heldEpoch() : undefined;
      const epoch = held ?? (await this.#replaceEpoch());
      this.#clearingsDone = clearings;
      if (clearings !== this.#clearings) continue;
      this.#epoch = epoch;
      return epoch;
    }
  }

  async #heldEpoch(): Promise<string | undefined> {
    const [held] = await this.#options.client.getMany([this.#epochKey]);
    return held?.toString();
  }

  /** Two processes that do this at the same time both succeed; the last one's word holds. */
  async #replaceEpoch(): Promise<string> {
    const epoch = randomBytes(9).toString('base64url');
    await this.#options.client.setMany([{ key: this.#epochKey, value: Buffer.from(epoch) }]);
    return epoch;
  }

  #keyOf(epoch: string, key: string): string {
    return `${this.#options.keyPrefix}features:${epoch}:${key}`;
  }

  #writeFailed(error: unknown): void {
    this.#trouble(error instanceof RedisReplyError ? 'write_failed' : 'unreachable');
  }

  #trouble(kind: 'write_failed' | 'unreachable' | 'too_large'): void {
    this.#options.observer.cacheTrouble({ kind });
  }
}
