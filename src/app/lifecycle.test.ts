import { describe, expect, it } from 'vitest';
import { Lifecycle } from './lifecycle.js';

function setUp(faults: Record<string, () => Promise<void>> = {}) {
  const calls: string[] = [];
  const failures: [string, string][] = [];
  const lifecycle = new Lifecycle({ stopFailed: (name, reason) => void failures.push([name, reason]) });
  for (const name of ['stores', 'models', 'listener']) {
    lifecycle.running(name, name, async (part) => {
      calls.push(part);
      await faults[part]?.();
    });
  }
  return { calls, failures, lifecycle };
}

describe('Lifecycle', () => {
  it('stops in reverse, once', async () => {
    const { calls, lifecycle } = setUp();
    await Promise.all([lifecycle.stop(100), lifecycle.stop(100)]);
    expect(calls).toEqual(['listener', 'models', 'stores']);
  });

  it('goes on when a part fails to stop or hangs, and says so', async () => {
    const { calls, failures, lifecycle } = setUp({
      listener: () => Promise.reject(new Error('broken')),
      models: () => new Promise(() => undefined),
    });
    await lifecycle.stop(5);
    expect(calls.at(-1)).toBe('stores');
    expect(failures).toEqual([
      ['listener', 'broken'],
      ['models', expect.stringMatching(/^not done within \d+ ms$/)],
    ]);
  });
});
