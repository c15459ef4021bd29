import type { Clock } from './clock.js';
import { ServiceError } from './errors.js';
import type { TraceHeaders } from './trace-context.js';

/** What belongs to a trace. */
export interface Traced {
  /** Headers of calls that leave on its behalf; worked out when it is asked for. */
  readonly trace?: TraceHeaders | undefined;
}

/** Who waits for the answer. Making a signal costs more than a small model's run, so it is asked for only when it is needed. */
export interface Caller extends Traced {
  /** Nobody waits for the answer any more. */
  readonly gone: boolean;
  /** Aborts when the caller goes away. */
  readonly cancel: AbortSignal;
}

export interface DeadlineStart {
  /** Monotonic milliseconds at which the budget begins; now where it is not given. */
  readonly startedAt?: number;
  /** Whose trace it is, where that is not the caller. */
  readonly traced?: Traced | undefined;
}

/**
 * One budget of time, spent by all stages of a call. It costs nothing to make: no timer is armed until `signal` is read
 * (a call that never leaves the process never reads it).
 */
export class Deadline {
  /** Milliseconds that there were at the start. */
  readonly budgetMs: number;
  readonly #clock: Clock;
  readonly #end: number;
  readonly #caller: Caller | undefined;
  readonly #traced: Traced | undefined;
  #signal: AbortSignal | undefined;

  constructor(clock: Clock, budgetMs: number, caller?: Caller, start: DeadlineStart = {}) {
    this.#clock = clock;
    this.budgetMs = budgetMs;
    this.#end = (start.startedAt ?? clock.monotonic()) + budgetMs;
    this.#caller = caller;
    this.#traced = start.traced ?? caller;
  }

  /** Milliseconds left, 0 when none. */
  remainingMs(): number {
    return Math.max(0, this.#end - this.#clock.monotonic());
  }

  get expired(): boolean {
    return this.#clock.monotonic() >= this.#end;
  }

  get cancelled(): boolean {
    return this.#caller?.gone === true;
  }

  get trace(): TraceHeaders | undefined {
    return this.#traced?.trace;
  }

  /** Aborts when the time is up or the caller has gone. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const timeout = AbortSignal.timeout(Math.ceil(this.remainingMs()));
      const cancel = this.#caller?.cancel;
      this.#signal = cancel === undefined ? timeout : AbortSignal.any([timeout, cancel]);
    }
    return this.#signal;
  }

  /**
   * Calls `action` once, later, when the time is up or the caller has gone; the answer takes that back. For who needs no signal, which costs
   * more than a row's way through a batch.
   */
  onEnd(action: () => void): () => void {
    const cancel = this.#caller?.cancel;
    const end = (): void => {
      stop();
      action();
    };
    const timer = setTimeout(end, this.isOver() ? 0 : Math.ceil(this.remainingMs())).unref();
    cancel?.addEventListener('abort', end);
    const stop = (): void => {
      clearTimeout(timer);
      cancel?.removeEventListener('abort', end);
    };
    return stop;
  }

  /** @throws ServiceError INFERENCE_TIMEOUT when the time is up or the caller has gone. `stage` says where the time ended. */
  check(stage: string, now?: number): void {
    if (this.isOver(now)) throw timeoutError(stage);
  }

  /** The time is up or the caller has gone. `now`: monotonic milliseconds, from who has just read the clock. */
  isOver(now = this.#clock.monotonic()): boolean {
    return now >= this.#end || this.cancelled;
  }

  /** Settles as `work` does, or rejects with INFERENCE_TIMEOUT at the deadline, whichever is first. The work itself is told by `signal`. */
  async race<T>(work: Promise<T>, stage: string): Promise<T> {
    const signal = this.signal;
    if (signal.aborted) throw timeoutError(stage);
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(timeoutError(stage));
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      if (onAbort) signal.removeEventListener('abort', onAbort);
    }
  }
}

export function timeoutError(stage: string): ServiceError {
  return new ServiceError('INFERENCE_TIMEOUT', `The time allowed for this prediction ended (${stage})`, {
    details: { stage },
  });
}
