import { describe, expect, it } from 'vitest';
import { FakeRedis } from '../../../test/support/fake-redis.js';
import { RedisWindows } from './redis-windows.js';

function make(processes = 4) {
  const redis = new FakeRedis();
  const told = { degraded: 0 };
  const windows = new RedisWindows({
    ...{ client: redis, keyPrefix: 'p:', processes, clock: redis.clock },
    observer: { limiterDegraded: () => void told.degraded++, limiterOverflow: () => undefined },
  });
  return { redis, windows, told };
}

describe('RedisWindows', () => {
  it('asks Redis for one key, and answers what it says', async () => {
    const { redis, windows, told } = make();
    redis.answer = [1, 7, 60_000_000];
    expect(await windows.take('key:a', 10, 3)).toEqual({ allowed: true, remaining: 7, resetMs: 60_000 });
    expect(redis.scripts).toEqual([{ key: 'p:rate:{key:a}', args: [10, 3, 60_000_000] }]);
    expect(told.degraded).toBe(0);
  });

  it('repeats a refusal until its time is over, counted from when Redis was asked', async () => {
    const { redis, windows } = make();
    redis.answer = [0, 0, 5_000_000];
    const open = redis.hold();
    const asked = windows.take('a', 10, 1);
    redis.clock.advance(1000);
    open();
    expect(await asked).toEqual({ allowed: false, remaining: 0, resetMs: 5000 });
    redis.clock.advance(3999);
    expect(windows.take('a', 10, 1)).toEqual({ allowed: false, remaining: 0, resetMs: 1 });
    expect(redis.scripts).toHaveLength(1);
    redis.clock.advance(1);
    redis.answer = [1, 9, 60_000_000];
    expect(await windows.take('a', 10, 1)).toMatchObject({ allowed: true });
  });

  it('demand 14: lets its share pass while Redis is out of reach, less what Redis had admitted here', async () => {
    const { redis, windows, told } = make(4);
    redis.answer = [1, 39, 60_000_000];
    for (let i = 0; i < 3; i++) await windows.take('a', 40, 1);
    redis.reachable = false;
    const decisions = Array.from({ length: 10 }, () => windows.take('a', 40, 1));
    expect(decisions.map((one) => (one instanceof Promise ? 'later' : one.allowed))).toEqual([
      ...Array.from({ length: 7 }, () => true),
      ...Array.from({ length: 3 }, () => false),
    ]);
    expect(told.degraded).toBe(10);
  });

  it.each([
    ['fails', new Error('no answer')],
    ['is answered with nonsense', 'OK'],
    ['is answered with too little', [1]],
  ])('decides here when the call %s', async (_name, result) => {
    const { redis, windows, told } = make(100);
    if (result instanceof Error) redis.failure = result;
    else redis.answer = result;
    expect(await windows.take('a', 10, 1)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await windows.take('a', 10, 1)).toMatchObject({ allowed: false });
    expect(told.degraded).toBe(2);
    await windows.close();
  });
});
