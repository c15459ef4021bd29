import { describe, expect, it } from 'vitest';
import { ManualClock } from '../shared/clock.js';
import { RedisReplyError, type RedisEntry } from '../shared/redis-client.js';
import { GuardedRedis, type BareRedisClient } from './guarded-redis.js';
import type { Timers } from '../shared/timers.js';

const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

class PuppetTimers implements Timers {
  readonly clock = new ManualClock();
  #waiting: { at: number; action: () => void; everyMs?: number }[] = [];

  every(everyMs: number, action: () => void): () => void {
    return this.#add({ at: this.clock.monotonic() + everyMs, action, everyMs });
  }

  after(milliseconds: number, action: () => void): () => void {
    return this.#add({ at: this.clock.monotonic() + milliseconds, action });
  }

  endOfTurn(action: () => void): void {
    action();
  }

  endOfCallback(action: () => void): void {
    action();
  }

  get repeating(): number {
    return this.#waiting.filter(({ everyMs }) => everyMs !== undefined).length;
  }

  /** Moves the clock a millisecond at a time, so that what is due happens in order. */
  async advance(milliseconds: number): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed++) {
      this.clock.advance(1);
      const due = this.#waiting.filter(({ at }) => at <= this.clock.monotonic());
      this.#waiting = this.#waiting.filter((timer) => !due.includes(timer));
      for (const timer of due) {
        if (timer.everyMs !== undefined) this.#waiting.push({ ...timer, at: timer.at + timer.everyMs });
        timer.action();
      }
      await settle();
    }
  }

  #add(timer: { at: number; action: () => void; everyMs?: number }): () => void {
    this.#waiting.push(timer);
    return () => (this.#waiting = this.#waiting.filter(({ action }) => action !== timer.action));
  }
}

/** A client that answers, fails or hangs as told. */
class PuppetClient implements BareRedisClient {
  reachable = true;
  behaviour: 'answers' | 'hangs' | Error = 'answers';
  calls = 0;
  pings = 0;
  closed = false;
  #listener: (lostBy: string | undefined) => void = () => undefined;

  getMany(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#answer(keys.map(() => null));
  }

  setMany(_entries: readonly RedisEntry[]): Promise<void> {
    return this.#answer(undefined);
  }

  runScript(): Promise<unknown> {
    return this.#answer([1, 1, 1]);
  }

  ping(): Promise<void> {
    this.pings++;
    return this.#settled(undefined);
  }

  onConnection(listener: (lostBy: string | undefined) => void): void {
    this.#listener = listener;
  }

  connection(lostBy: string | undefined): void {
    this.reachable = lostBy === undefined;
    this.#listener(lostBy);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  #answer<T>(value: T): Promise<T> {
    this.calls++;
    return this.#settled(value);
  }

  #settled<T>(value: T): Promise<T> {
    if (this.behaviour === 'hangs') return new Promise(() => undefined);
    return this.behaviour === 'answers' ? Promise.resolve(value) : Promise.reject(this.behaviour);
  }
}

function make(maxRetries = 0) {
  const timers = new PuppetTimers();
  const client = new PuppetClient();
  const facts: string[] = [];
  const redis = new GuardedRedis({
    ...{ client, limitMs: 15, maxRetries, clock: timers.clock, timers },
    observer: {
      redisUnreachable: (cause) => void facts.push(`unreachable: ${cause}`),
      redisReachable: () => void facts.push('reachable'),
      redisRefused: (cause) => void facts.push(`refused: ${cause}`),
    },
  });
  /** Outcome of one read, and how long it took. */
  const read = async () => {
    const startedAt = timers.clock.monotonic();
    let outcome: string | undefined;
    redis.getMany(['k']).then(
      () => (outcome = 'answer'),
      (error: Error) => (outcome = error.message),
    );
    await settle();
    while (outcome === undefined) await timers.advance(1);
    return { outcome, ms: timers.clock.monotonic() - startedAt };
  };
  return { timers, client, facts, redis, read };
}

describe('GuardedRedis', () => {
  it('demand 8: a Redis that hangs costs a call its time limit, after a few calls nothing, and is used again within 2 s', async () => {
    const { client, facts, read, timers, redis } = make();
    client.behaviour = 'hangs';
    for (let i = 0; i < 5; i++) expect(await read()).toEqual({ outcome: 'Redis did not answer within 15 ms', ms: 15 });
    expect(redis.reachable).toBe(false);
    const calls = client.calls;
    for (let i = 0; i < 100; i++) expect((await read()).ms).toBe(0);
    expect(client.calls).toBe(calls);
    await timers.advance(60_000);
    expect(client.calls).toBe(calls);
    client.behaviour = 'answers';
    const end = timers.clock.monotonic() + 2000;
    while (!redis.reachable) await timers.advance(1);
    expect(timers.clock.monotonic()).toBeLessThan(end);
    expect(await read()).toEqual({ outcome: 'answer', ms: 0 });
    expect(facts).toEqual(['unreachable: Redis did not answer within 15 ms', 'reachable']);
    expect(timers.repeating).toBe(0);
  });

  it('costs nothing while it is not connected, and nothing is counted against it', async () => {
    const { client, facts, read, redis } = make();
    client.connection('ECONNREFUSED');
    for (let i = 0; i < 100; i++) expect((await read()).ms).toBe(0);
    await expect(redis.getMany(['k'])).rejects.toThrow('ECONNREFUSED');
    client.connection('ECONNREFUSED');
    client.connection('WRONGPASS');
    client.connection(undefined);
    expect((await read()).outcome).toBe('answer');
    expect(facts).toEqual(['unreachable: ECONNREFUSED', 'unreachable: WRONGPASS', 'reachable']);
  });

  it('tries a read again when its connection was lost, within the time limit', async () => {
    const { client, read, timers } = make(2);
    client.behaviour = new Error('reset');
    const outcome = read();
    await settle();
    client.behaviour = 'answers';
    expect(await outcome).toEqual({ outcome: 'answer', ms: 4 });
    client.behaviour = new Error('reset');
    expect(await read()).toEqual({ outcome: 'reset', ms: 8 });
    expect(client.calls).toBe(5);
    const patient = make(10);
    patient.client.behaviour = new Error('reset');
    expect((await patient.read()).ms).toBe(15);
    expect(timers.repeating).toBe(0);
  });

  it('does not run a script twice', async () => {
    const { client, redis } = make(5);
    client.behaviour = new Error('reset');
    await expect(redis.runScript({ source: '', sha1: '' }, 'k', [])).rejects.toThrow('reset');
    expect(client.calls).toBe(1);
  });

  it('takes an error reply for an answer, and tells each kind once', async () => {
    const { client, facts, redis } = make(3);
    client.behaviour = new RedisReplyError('OOM command not allowed');
    for (let i = 0; i < 50; i++) await expect(redis.setMany([])).rejects.toThrow('OOM');
    expect(client.calls).toBe(50);
    expect(redis.reachable).toBe(true);
    expect(facts).toEqual(['refused: OOM command not allowed']);
    for (let i = 0; i < 50; i++) {
      client.behaviour = new RedisReplyError(`ERR ${i}`);
      await expect(redis.setMany([])).rejects.toThrow('ERR');
    }
    expect(facts).toHaveLength(20);
    client.connection(undefined);
    await expect(redis.setMany([])).rejects.toThrow('ERR');
    expect(facts).toHaveLength(21);
  });

  it('closes what it guards, also while it is out of reach', async () => {
    const { client, read, redis, timers } = make();
    client.behaviour = 'hangs';
    for (let i = 0; i < 5; i++) await read();
    expect(timers.repeating).toBe(1);
    await redis.close();
    expect(timers.repeating).toBe(0);
    expect(client.closed).toBe(true);
  });

  it('asks no dead connection whether it works', async () => {
    const { client, read, timers } = make();
    client.behaviour = 'hangs';
    for (let i = 0; i < 5; i++) await read();
    client.connection('closed');
    const { pings } = client;
    await timers.advance(2000);
    expect(client.pings).toBe(pings);
  });
});
