import type { Clock } from '../../shared/clock.js';
import type { RedisClient } from '../../shared/redis-client.js';
import type { AccessObserver } from '../observer.js';
import { KnownRefusals } from './known-refusals.js';
import { windowScript } from './redis-window-script.js';
import { windowMs as minute } from './sliding-window.js';
import { WindowTable } from './window-table.js';
import type { WindowDecision, Windows } from './windows.js';

export interface RedisWindowsOptions {
  /** Bounds the time of each call itself; stays open when the windows are closed. */
  readonly client: RedisClient;
  readonly keyPrefix: string;
  /** Processes of all instances: each holds its share of every limit while Redis is out of reach. */
  readonly processes: number;
  readonly clock: Clock;
  readonly observer: Pick<AccessObserver, 'limiterDegraded' | 'limiterOverflow'>;
  /** Shorter in tests. */
  readonly windowMs?: number;
}

/**
 * The windows of all instances, in Redis: one script, one key a caller, Redis's clock. A refusal is repeated here, without asking, until the
 * time that Redis told. While Redis is out of reach each process lets its share of the limit pass (rounded down, at least one), counting
 * what Redis had admitted here before. An answer that came too late was counted by both, which only makes the limit tighter.
 */
export class RedisWindows implements Windows {
  readonly #options: RedisWindowsOptions;
  readonly #windowUs: number;
  readonly #refusals: KnownRefusals;
  readonly #share: WindowTable;

  constructor(options: RedisWindowsOptions) {
    this.#options = options;
    this.#windowUs = (options.windowMs ?? minute) * 1000;
    this.#refusals = new KnownRefusals(options.clock);
    this.#share = new WindowTable(options);
  }

  take(caller: string, limit: number, weight: number): WindowDecision | Promise<WindowDecision> {
    const refused = this.#refusals.find(caller, limit, weight);
    if (refused !== undefined) return refused;
    if (!this.#options.client.reachable) return this.#decideHere(caller, limit, weight);
    return this.#ask(caller, limit, weight);
  }

  close(): Promise<void> {
    return this.#share.close();
  }

  async #ask(caller: string, limit: number, weight: number): Promise<WindowDecision> {
    const { client, clock, keyPrefix } = this.#options;
    const askedAt = clock.monotonic();
    let answer: unknown;
    try {
      answer = await client.runScript(windowScript, `${keyPrefix}rate:{${caller}}`, [limit, weight, this.#windowUs]);
    } catch {
      // Why is told by the client's guard; that it was decided here is counted.
      return this.#decideHere(caller, limit, weight);
    }
    const decision = decisionOf(answer);
    if (decision === undefined) return this.#decideHere(caller, limit, weight);
    if (decision.allowed) this.#share.record(caller, limit, weight);
    else this.#rememberRefusal(caller, { limit, weight }, { decision, askedAt });
    return decision;
  }

  /** Redis decided after it was asked: counted from then, the time is over a little early, and Redis is asked again. */
  #rememberRefusal(
    caller: string,
    asked: { limit: number; weight: number },
    { decision, askedAt }: { decision: WindowDecision; askedAt: number },
  ): void {
    const passed = this.#options.clock.monotonic() - askedAt;
    this.#refusals.remember(caller, asked, { ...decision, resetMs: decision.resetMs - passed });
  }

  #decideHere(caller: string, limit: number, weight: number): WindowDecision {
    this.#options.observer.limiterDegraded();
    const share = Math.max(1, Math.floor(limit / this.#options.processes));
    return this.#share.take(caller, share, weight);
  }
}

function decisionOf(answer: unknown): WindowDecision | undefined {
  if (!Array.isArray(answer) || answer.length !== 3 || !answer.every(Number.isSafeInteger)) return undefined;
  const [allowed, remaining, resetUs] = answer as [number, number, number];
  return { allowed: allowed === 1, remaining, resetMs: resetUs / 1000 };
}
