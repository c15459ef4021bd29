import { describe, expect, it } from 'vitest';
import { TimeLimit } from './time-limit.js';

const never = new Promise<never>(() => undefined);
const tooLong = () => new Error('too long');

describe('TimeLimit', () => {
  it('lets work pass that ends before it', async () => {
    const limit = new TimeLimit(60_000, undefined, tooLong);
    expect(await limit.race(Promise.resolve(1))).toBe(1);
    await expect(limit.race(Promise.reject(new Error('own')))).rejects.toThrow('own');
    limit.release();
    expect(limit.reason).toBeUndefined();
  });

  it('ends work when the time is up, and all that comes after', async () => {
    const limit = new TimeLimit(1, undefined, tooLong);
    await expect(limit.race(never)).rejects.toThrow('too long');
    await expect(limit.race(never)).rejects.toThrow('too long');
    expect(limit.reason?.message).toBe('too long');
  });

  it('ends work when the signal aborts, before or during it', async () => {
    const controller = new AbortController();
    const limit = new TimeLimit(60_000, controller.signal, tooLong);
    const work = limit.race(never);
    controller.abort();
    await expect(work).rejects.toThrow('The caller has gone');
    limit.release();
    const late = new TimeLimit(60_000, controller.signal, tooLong);
    await expect(late.race(never)).rejects.toThrow('The caller has gone');
    late.release();
  });

  it('hears nothing once it is released', () => {
    const controller = new AbortController();
    const limit = new TimeLimit(60_000, controller.signal, tooLong);
    limit.release();
    controller.abort();
    expect(limit.reason).toBeUndefined();
  });
});
