import { describe, expect, it } from 'vitest';
import { systemTimers } from './timers.js';

describe('timers', () => {
  it('fire once, again and again, and at the end of the turn, until they are cancelled', async () => {
    const fired: string[] = [];
    const keepAlive = setInterval(() => undefined, 1000);
    const stop = systemTimers.every(1, () => void fired.push('every'));
    systemTimers.after(1, () => void fired.push('cancelled'))();
    await new Promise<void>((resolve) => systemTimers.after(20, resolve));
    stop();
    await new Promise<void>((resolve) => systemTimers.endOfTurn(resolve));
    clearInterval(keepAlive);
    expect(fired).not.toContain('cancelled');
    expect(fired.length).toBeGreaterThan(1);
  });

  it('let a callback and its promises end, and nothing else', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        void Promise.resolve().then(() => {
          systemTimers.endOfCallback(() => order.push('end of the callback'));
          void Promise.resolve()
            .then(() => undefined)
            .then(() => order.push('promise'));
        });
      });
      setImmediate(() => {
        order.push('next callback');
        resolve();
      });
    });
    expect(order).toEqual(['promise', 'end of the callback', 'next callback']);
  });
});
