import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { createRateLimiter, createWindows } from '../create-access.js';
import type { AccessObserver } from '../observer.js';
import type { Principal } from '../principal.js';
import { PrincipalRateLimiter } from './principal-rate-limiter.js';
import { RemoteWindows } from './remote-windows.js';
import { systemTimers } from '../../shared/timers.js';

const principal: Principal = { id: 'key_1', clientId: 'shop', scopes: [] };
let clock: ManualClock;
let refused: (string | null)[];
let observer: AccessObserver;

beforeEach(() => {
  clock = new ManualClock();
  refused = [];
  const nothing = (): void => undefined;
  observer = {
    authOk: nothing,
    authFailed: nothing,
    keysReloaded: nothing,
    keysUnavailable: nothing,
    keysFileInvalid: nothing,
    jwksFetch: nothing,
    rateLimited: (clientId) => void refused.push(clientId),
    limiterDegraded: nothing,
    limiterOverflow: nothing,
  };
});

function limiter(enabled = true) {
  const windows = createWindows({ clock, timers: systemTimers, observer });
  return createRateLimiter({
    options: { enabled, requests_per_minute: 2, replicas: 1, count_batch_instances: false },
    windows,
    observer,
  });
}

describe('the rate limiter', () => {
  it('limits a caller by the setting, and tells when to come again in whole seconds', async () => {
    const limits = limiter();
    expect(limits.take(principal, 1)).toEqual({ allowed: true, limit: 2, remaining: 1, resetSeconds: 60 });
    clock.advance(100);
    void limits.take(principal, 1);
    clock.advance(400);
    expect(limits.take(principal, 1)).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 60 });
    expect(refused).toEqual(['shop']);
    await limits.close();
  });

  it('lets a caller pass that comes again when it was told', () => {
    const limits = limiter();
    void limits.take(principal, 2);
    const told = limits.take(principal, 1);
    if (told instanceof Promise) throw new Error('A promise');
    clock.advance(told.resetSeconds * 1000);
    expect(limits.take(principal, 1)).toMatchObject({ allowed: true });
  });

  it('prefers the limit of the key, and knows unlimited ones', () => {
    const limits = limiter();
    const own = { ...principal, requestsPerMinute: 1 };
    expect(limits.take(own, 1)).toMatchObject({ allowed: true, limit: 1 });
    expect(limits.take(own, 1)).toMatchObject({ allowed: false, limit: 1 });
    expect(limits.take({ ...principal, requestsPerMinute: null }, 1000)).toMatchObject({ allowed: true, limit: null });
  });

  it('lets all pass when it is off', () => {
    const limits = limiter(false);
    for (let request = 0; request < 10; request++)
      expect(limits.take(principal, 1)).toMatchObject({ allowed: true, limit: null });
  });

  it('waits for windows that are elsewhere', async () => {
    const options = { enabled: true, requests_per_minute: 2, replicas: 1, count_batch_instances: false };
    const decision = Promise.resolve({ allowed: false, remaining: 0, resetMs: 1500 });
    const limits = new PrincipalRateLimiter(
      options,
      { take: () => decision, close: () => Promise.resolve() },
      observer,
    );
    expect(await limits.take(principal, 1)).toEqual({ allowed: false, limit: 2, remaining: 0, resetSeconds: 2 });
  });

  it('asks the primary in a worker', async () => {
    const channel = { send: () => undefined, onMessage: () => () => undefined };
    const windows = createWindows({ clock, timers: systemTimers, observer, primary: { channel, workers: 2 } });
    expect(windows).toBeInstanceOf(RemoteWindows);
    await windows.close();
  });
});
