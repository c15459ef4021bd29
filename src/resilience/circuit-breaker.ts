import type { Clock } from '../shared/clock.js';
import { FailureWindow } from './failure-window.js';

export interface BreakerOptions {
  /** Share of failed calls in the window, above 0 and up to 1, that opens the circuit. */
  readonly failureThreshold: number;
  /** How long it stays open before a call may try again. Grows by half each time that the try fails, to at most five times. */
  readonly recoveryMs: number;
  /** Calls that the window must hold before the share means anything. Default 10. */
  readonly minimumCalls?: number;
  /** Failures without a success between them that open the circuit whatever the share. Default: no such number. */
  readonly failuresInRow?: number;
  /** Default 10,000 ms in 10 buckets. */
  readonly windowMs?: number;
  /** Calls let through to find out whether it works again. Default 3. */
  readonly halfOpenCalls?: number;
  /** When these have not ended after this time, it opens again. Default 10,000 ms. */
  readonly halfOpenMs?: number;
}

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerParts {
  readonly clock: Clock;
  /** Once for each transition, after it. */
  readonly onChange?: (state: BreakerState) => void;
  /** From 0 to 1: the open time is stretched by up to a tenth, so that instances do not try all at once. */
  readonly random?: () => number;
}

/** Leave for one call. Exactly one of its methods is called, once, when the call has ended; what comes too late changes nothing. */
export interface Permit {
  succeeded(): void;
  failed(): void;
  /** Says nothing about the backend: the caller's mistake, or the caller went away. */
  ignored(): void;
}

export interface Refusal {
  /** Until a call may be tried again, above 0. */
  readonly retryAfterMs: number;
}

type Inner =
  | { readonly kind: 'closed'; readonly window: FailureWindow; failuresInRow: number }
  | { readonly kind: 'open'; readonly until: number; readonly attempt: number }
  | {
      readonly kind: 'half_open';
      readonly until: number;
      readonly attempt: number;
      permits: number;
      successes: number;
    };

/**
 * Stops calls to a backend that fails (M. Nygard, Release It!, 2007). Time is monotonic. Results of calls that began under an
 * earlier state are dropped, callers' own errors count neither way, and while half open the rest is refused at once: the
 * defects measured in the libraries for this are the tests beside this file.
 */
export class CircuitBreaker {
  readonly #options: Required<BreakerOptions>;
  readonly #parts: BreakerParts;
  #state: Inner;
  /** Counts the transitions: a permit of an earlier one is void. */
  #generation = 0;

  constructor(options: BreakerOptions, parts: BreakerParts) {
    this.#options = {
      minimumCalls: 10,
      failuresInRow: Number.POSITIVE_INFINITY,
      windowMs: 10_000,
      halfOpenCalls: 3,
      halfOpenMs: 10_000,
      ...options,
    };
    this.#parts = parts;
    this.#state = this.#closed();
  }

  get state(): BreakerState {
    this.#expire();
    return this.#state.kind;
  }

  /** Asks to make one call. */
  acquire(): Permit | Refusal {
    this.#expire();
    const state = this.#state;
    if (state.kind === 'open') return { retryAfterMs: state.until - this.#now() };
    if (state.kind === 'closed') return this.#permit();
    if (state.permits === 0) return { retryAfterMs: Math.max(1, state.until - this.#now()) };
    state.permits--;
    return this.#permit();
  }

  #permit(): Permit {
    const generation = this.#generation;
    let open = true;
    const settle = (act: () => void) => () => {
      const valid = open && generation === this.#generation;
      open = false;
      if (!valid) return;
      this.#expire();
      if (generation === this.#generation) act();
    };
    return {
      succeeded: settle(() => this.#succeeded()),
      failed: settle(() => this.#failed()),
      ignored: settle(() => this.#ignored()),
    };
  }

  #succeeded(): void {
    const state = this.#state;
    if (state.kind === 'closed') {
      state.window.add(false, this.#now());
      state.failuresInRow = 0;
    }
    if (state.kind === 'half_open' && ++state.successes >= this.#options.halfOpenCalls) this.#become(this.#closed());
  }

  #failed(): void {
    const state = this.#state;
    if (state.kind === 'half_open') return this.#become(this.#opened(state.attempt + 1));
    if (state.kind !== 'closed') return;
    state.window.add(true, this.#now());
    state.failuresInRow++;
    const { calls, failures } = state.window.totals(this.#now());
    const { minimumCalls, failureThreshold, failuresInRow } = this.#options;
    const tooMany = calls >= minimumCalls && failures / calls >= failureThreshold;
    if (tooMany || state.failuresInRow >= failuresInRow) this.#become(this.#opened(0));
  }

  #ignored(): void {
    if (this.#state.kind === 'half_open') this.#state.permits++;
  }

  /** What time alone changes: open becomes half open, and a half open one whose calls never end opens again. */
  #expire(): void {
    const state = this.#state;
    if (state.kind === 'closed' || this.#now() < state.until) return;
    if (state.kind === 'half_open') return this.#become(this.#opened(state.attempt));
    const { halfOpenMs, halfOpenCalls } = this.#options;
    const until = this.#now() + halfOpenMs;
    this.#become({ kind: 'half_open', until, attempt: state.attempt, permits: halfOpenCalls, successes: 0 });
  }

  #become(state: Inner): void {
    this.#state = state;
    this.#generation++;
    this.#parts.onChange?.(state.kind);
  }

  #closed(): Inner {
    return { kind: 'closed', window: new FailureWindow(this.#options.windowMs, 10), failuresInRow: 0 };
  }

  #opened(attempt: number): Inner {
    const growth = Math.min(5, 1.5 ** attempt);
    const jitter = 1 + 0.1 * (this.#parts.random?.() ?? Math.random());
    return { kind: 'open', until: this.#now() + this.#options.recoveryMs * growth * jitter, attempt };
  }

  #now(): number {
    return this.#parts.clock.monotonic();
  }
}

export function isRefusal(answer: Permit | Refusal): answer is Refusal {
  return 'retryAfterMs' in answer;
}
