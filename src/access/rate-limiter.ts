import type { Principal } from './principal.js';

/** The answer for one request. Times in whole seconds, rounded up. */
export interface RateDecision {
  readonly allowed: boolean;
  /** Requests per window; null is unlimited. */
  readonly limit: number | null;
  readonly remaining: number;
  /** Until the window has room again for one more (refused), or until it is fully free. */
  readonly resetSeconds: number;
}

/**
 * At most `limit` requests of a caller in any 60 s window, over all workers. `weight` is 1, or a batch's instances by setting.
 * A refusal consumes nothing. Never throws: when shared state is out of reach, a share of the limit is held locally.
 */
export interface RateLimiter {
  take(principal: Principal, weight: number): RateDecision | Promise<RateDecision>;
  close(): Promise<void>;
}
