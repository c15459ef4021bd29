import { describe, expect, it } from 'vitest';
import { Lifecycle, type Part } from './lifecycle.js';

function setUp(faults: Record<string, () => Promise<void>> = {}) {
  const calls: string[] = [];
  const failures: [string, string][] = [];
  const part = (name: string): Part => ({
    name,
    start: async () => {
      calls.push(`start ${name}`);
      await faults[`start ${name}`]?.();
    },
    stop: async () => {
      calls.push(`stop ${name}`);
      await faults[`stop ${name}`]?.();
    },
  });
  const observer = { stopFailed: (name: string, reason: string) => void failures.push([name, reason]) };
  const lifecycle = new Lifecycle([part('stores'), part('models'), part('listener')], observer);
  return { calls, failures, lifecycle };
}

describe('Lifecycle', () => {
  it('starts in order and stops in reverse, once', async () => {
    const { calls, lifecycle } = setUp();
    await lifecycle.start();
    await Promise.all([lifecycle.stop(100), lifecycle.stop(100)]);
    expect(calls).toEqual([
      'start stores',
      'start models',
      'start listener',
      'stop listener',
      'stop models',
      'stop stores',
    ]);
  });

  it('stops what was started when a later part fails', async () => {
    const { calls, lifecycle } = setUp({ 'start listener': () => Promise.reject(new Error('port taken')) });
    await expect(lifecycle.start()).rejects.toThrow('port taken');
    expect(calls.slice(3)).toEqual(['stop models', 'stop stores']);
  });

  it('goes on when a part fails to stop or hangs, and says so', async () => {
    const { calls, failures, lifecycle } = setUp({
      'stop listener': () => Promise.reject(new Error('broken')),
      'stop models': () => new Promise(() => undefined),
    });
    await lifecycle.start();
    await lifecycle.stop(5);
    expect(calls.at(-1)).toBe('stop stores');
    expect(failures).toEqual([
      ['listener', 'broken'],
      ['models', 'not done within 5 ms'],
    ]);
  });
});
