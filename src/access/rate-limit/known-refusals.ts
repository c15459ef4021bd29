import type { Clock } from '../../shared/clock.js';
import type { WindowDecision } from './windows.js';

interface Refusal {
  readonly until: number;
  readonly limit: number;
  readonly weight: number;
  readonly remaining: number;
}

/** Refusals that are remembered; beyond it the oldest is forgotten, which costs one more question to the owner. */
const mostRemembered = 10_000;

/** Refusals by the owner of the windows, which a worker may repeat without asking until the time that it was told. */
export class KnownRefusals {
  readonly #clock: Clock;
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The refusal that still holds for a request of this weight: room for less may be there before room for more is. */
  find(caller: string, limit: number, weight: number): WindowDecision | undefined {
    const refusal = this.#refusals.get(caller);
    if (refusal === undefined) return undefined;
    const resetMs = refusal.until - this.#clock.monotonic();
    if (resetMs <= 0) {
      this.#refusals.delete(caller);
      return undefined;
    }
    if (refusal.limit !== limit || weight < refusal.weight) return undefined;
    return { allowed: false, remaining: refusal.remaining, resetMs };
  }

  remember(caller: string, asked: { limit: number; weight: number }, refused: WindowDecision): void {
    this.#refusals.delete(caller);
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size < mostRemembered) break;
      this.#refusals.delete(oldest);
    }
    const until = this.#clock.monotonic() + refused.resetMs;
    this.#refusals.set(caller, { until, ...asked, remaining: refused.remaining });
  }
}
