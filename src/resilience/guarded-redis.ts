import type { Clock } from '../shared/clock.js';
import {
  RedisReplyError,
  RedisUnreachableError,
  type RedisClient,
  type RedisEntry,
  type RedisObserver,
  type RedisScript,
} from '../shared/redis-client.js';
import { CircuitBreaker, isRefusal, type BreakerState } from './circuit-breaker.js';
import type { Timers } from '../shared/timers.js';

/** A client without limits of its own. */
export interface BareRedisClient extends RedisClient {
  ping(): Promise<void>;
  /** Told at each change of the connection: the cause of its loss, undefined when it is there. */
  onConnection(listener: (lostBy: string | undefined) => void): void;
  close(): Promise<void>;
}

export interface GuardedRedisOptions {
  readonly client: BareRedisClient;
  /** Every call ends within this, its retries included. */
  readonly limitMs: number;
  /** Further tries of a read whose connection was lost under it. */
  readonly maxRetries: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: RedisObserver;
}

/*
 * Five failures in a row end the waiting within milliseconds under load, and after five predictions without. While the circuit is open,
 * Redis is asked by a PING of our own every 100 to 550 ms, so that no prediction pays for finding out that it is still away.
 */
const breakerOptions = {
  failureThreshold: 0.5,
  failuresInRow: 5,
  recoveryMs: 100,
  halfOpenCalls: 2,
  halfOpenMs: 1000,
};
const probeEveryMs = 50;
const retryPauseMs = 4;
const mostRefusalsTold = 20;

/**
 * Redis behind a time limit and a circuit breaker: whatever happens to it, a call costs its time limit at most, and once a few calls have
 * failed, nothing. An error reply is an answer: Redis lives.
 */
export class GuardedRedis implements RedisClient {
  readonly #options: GuardedRedisOptions;
  readonly #breaker: CircuitBreaker;
  #stopProbing: (() => void) | undefined;
  #probing = false;
  /** Why it cannot be used, as told; undefined while it can. */
  #told: string | undefined;
  #lastFailure = '';
  readonly #refusalsTold = new Set<string>();

  constructor(options: GuardedRedisOptions) {
    this.#options = options;
    this.#breaker = new CircuitBreaker(breakerOptions, {
      clock: options.clock,
      onChange: (state) => this.#breakerChanged(state),
    });
    options.client.onConnection((lostBy) => this.#connectionChanged(lostBy));
  }

  get reachable(): boolean {
    return this.#options.client.reachable && this.#breaker.state === 'closed';
  }

  getMany(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#call(() => this.#options.client.getMany(keys), this.#options.maxRetries);
  }

  setMany(entries: readonly RedisEntry[]): Promise<void> {
    return this.#call(() => this.#options.client.setMany(entries), this.#options.maxRetries);
  }

  /** Not tried again: a script may have run although its answer was lost. */
  runScript(script: RedisScript, key: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.#call(() => this.#options.client.runScript(script, key, args), 0);
  }

  async close(): Promise<void> {
    this.#stopProbing?.();
    await this.#options.client.close();
  }

  async #call<T>(work: () => Promise<T>, retries: number): Promise<T> {
    if (!this.reachable) throw new RedisUnreachableError(`Redis is out of reach: ${this.#told ?? 'not connected'}`);
    const permit = this.#breaker.acquire();
    if (isRefusal(permit)) throw new RedisUnreachableError('Redis is out of reach');
    try {
      const answer = await this.#withinLimit((isLate) => this.#attempt(work, retries, isLate));
      permit.succeeded();
      return answer;
    } catch (error) {
      if (error instanceof RedisReplyError) {
        permit.succeeded();
        this.#tellRefusal(error.message);
      } else {
        this.#lastFailure = error instanceof Error ? error.message : String(error);
        permit.failed();
      }
      throw error;
    }
  }

  async #attempt<T>(work: () => Promise<T>, retries: number, isLate: () => boolean): Promise<T> {
    for (let left = retries; ; left--) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof RedisReplyError || left === 0 || isLate()) throw error;
        await new Promise<void>((resolve) => this.#options.timers.after(retryPauseMs, resolve));
        if (isLate()) throw error;
      }
    }
  }

  /** What has arrived is read before giving up: an answer that lies unread because this process was busy is not late. */
  #withinLimit<T>(work: (isLate: () => boolean) => Promise<T>): Promise<T> {
    const { timers, limitMs } = this.#options;
    return new Promise<T>((resolve, reject) => {
      let late = false;
      const giveUp = () => {
        late = true;
        reject(new RedisUnreachableError(`Redis did not answer within ${limitMs} ms`));
      };
      const stopWaiting = timers.after(limitMs, () => timers.endOfTurn(giveUp));
      work(() => late)
        .finally(stopWaiting)
        .then(resolve, reject);
    });
  }

  #breakerChanged(state: BreakerState): void {
    if (state === 'half_open') return;
    this.#stopProbing?.();
    this.#stopProbing = undefined;
    if (state === 'open') this.#stopProbing = this.#options.timers.every(probeEveryMs, () => void this.#probe());
    this.#tellState(this.#lastFailure);
  }

  async #probe(): Promise<void> {
    if (this.#probing || !this.#options.client.reachable) return;
    const permit = this.#breaker.acquire();
    if (isRefusal(permit)) return;
    this.#probing = true;
    try {
      await this.#withinLimit(() => this.#options.client.ping());
      permit.succeeded();
    } catch (error) {
      if (error instanceof RedisReplyError) permit.succeeded();
      else permit.failed();
    } finally {
      this.#probing = false;
    }
  }

  #connectionChanged(lostBy: string | undefined): void {
    this.#refusalsTold.clear();
    this.#tellState(lostBy ?? this.#lastFailure);
  }

  #tellState(cause: string): void {
    const told = this.reachable ? undefined : cause;
    if (told === this.#told) return;
    this.#told = told;
    if (told === undefined) this.#options.observer.redisReachable();
    else this.#options.observer.redisUnreachable(told);
  }

  #tellRefusal(cause: string): void {
    if (this.#refusalsTold.has(cause) || this.#refusalsTold.size >= mostRefusalsTold) return;
    this.#refusalsTold.add(cause);
    this.#options.observer.redisRefused(cause);
  }
}
