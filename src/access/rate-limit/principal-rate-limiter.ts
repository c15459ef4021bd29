import { flatText } from '../../shared/flat-text.js';
import type { AccessObserver } from '../observer.js';
import type { RateLimitOptions } from '../options.js';
import type { Principal } from '../principal.js';
import type { RateDecision, RateLimiter } from '../rate-limiter.js';
import type { WindowDecision, Windows } from './windows.js';

const unlimited: RateDecision = { allowed: true, limit: null, remaining: 0, resetSeconds: 0 };

/** Limits each caller by its own limit, else by the one of the settings. A batch may be heavier than one by setting. */
export class PrincipalRateLimiter implements RateLimiter {
  readonly #options: RateLimitOptions;
  readonly #windows: Windows;
  readonly #observer: Pick<AccessObserver, 'rateLimited'>;
  /** The names of callers' windows: a principal is the same object for as long as its credential is remembered. */
  readonly #callers = new WeakMap<Principal, string>();

  constructor(options: RateLimitOptions, windows: Windows, observer: Pick<AccessObserver, 'rateLimited'>) {
    this.#options = options;
    this.#windows = windows;
    this.#observer = observer;
  }

  take(principal: Principal, weight: number): RateDecision | Promise<RateDecision> {
    const limit =
      principal.requestsPerMinute === undefined ? this.#options.requests_per_minute : principal.requestsPerMinute;
    if (limit === null || !this.#options.enabled) return unlimited;
    const decision = this.#windows.take(this.#callerOf(principal), limit, weight);
    if (decision instanceof Promise) return decision.then((later) => this.#answer(principal, limit, later));
    return this.#answer(principal, limit, decision);
  }

  /** The windows are shared with others: whoever made them closes them. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #callerOf(principal: Principal): string {
    let caller = this.#callers.get(principal);
    if (caller === undefined) {
      caller = flatText(`caller:${principal.id}`);
      this.#callers.set(principal, caller);
    }
    return caller;
  }

  #answer(principal: Principal, limit: number, { allowed, remaining, resetMs }: WindowDecision): RateDecision {
    if (!allowed) this.#observer.rateLimited(principal.clientId);
    return { allowed, limit, remaining, resetSeconds: wholeSeconds(resetMs, allowed) };
  }
}

/** Rounded up. After a refusal, strictly later than the instant itself, at which the window still holds its oldest admission. */
export function wholeSeconds(milliseconds: number, allowed: boolean): number {
  return allowed ? Math.ceil(milliseconds / 1000) : Math.floor(milliseconds / 1000) + 1;
}
