import { describe, expect, it } from 'vitest';
import { ReadSlots, SlotsExhaustedError } from './read-slots.js';

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('ReadSlots', () => {
  const never = new AbortController().signal;

  it('runs at most so many at once, the others in the order of arrival', async () => {
    const slots = new ReadSlots(2, 10);
    const order: number[] = [];
    const finish: (() => void)[] = [];
    const runs = [0, 1, 2, 3].map((number) =>
      slots.run(never, () => {
        order.push(number);
        return new Promise<void>((resolve) => finish.push(resolve));
      }),
    );
    await settle();
    expect(order).toEqual([0, 1]);
    finish[1]!();
    await settle();
    expect(order).toEqual([0, 1, 2]);
    finish[0]!();
    await settle();
    expect(order).toEqual([0, 1, 2, 3]);
    finish.forEach((end) => end());
    await Promise.all(runs);
  });

  it('gives the slot back when the work fails', async () => {
    const slots = new ReadSlots(1, 0);
    await expect(slots.run(never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await slots.run(never, () => Promise.resolve(1))).toBe(1);
  });

  it('refuses beyond its bound, and lets those go whose time is up', async () => {
    const slots = new ReadSlots(1, 1);
    let end: () => void = () => undefined;
    const first = slots.run(never, () => new Promise<void>((resolve) => (end = resolve)));
    const leaving = new AbortController();
    const second = slots.run(leaving.signal, () => Promise.resolve('never run'));
    await expect(slots.run(never, () => Promise.resolve())).rejects.toThrow(SlotsExhaustedError);
    leaving.abort();
    await expect(second).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' });
    const third = slots.run(never, () => Promise.resolve('third'));
    end();
    await first;
    expect(await third).toBe('third');
    expect(await slots.run(leaving.signal, () => Promise.resolve('free'))).toBe('free');
  });
});
