import type { Clock } from '../../shared/clock.js';
import type { AccessObserver } from '../observer.js';
import { windowMs, type SlidingWindow } from './sliding-window.js';
import { windowFor } from './window-for-limit.js';
import type { WindowDecision, Windows } from './windows.js';

export interface WindowTableOptions {
  readonly clock: Clock;
  readonly observer: Pick<AccessObserver, 'limiterOverflow'>;
  /** Callers with a window of their own. */
  readonly mostCallers?: number;
}

interface Place {
  window: SlidingWindow;
  /** When it was put at the end. */
  readonly since: number;
}

interface Admission {
  readonly caller: string;
  /** The caller's place so far. */
  readonly own: Place | undefined;
  readonly window: SlidingWindow;
  readonly now: number;
  readonly weight: number;
}

/** Putting a place at the end costs as much as all the rest, so it is done once in so long. */
const reorderMs = 1000;

/**
 * The windows of one process. Bounded, and full or not it never lets more pass than the limit: a window is dropped only once it is
 * empty, and while all places are taken, callers without one share a single window. A caller that later gets a place of its own
 * begins with what was admitted in the shared window, as if all of that had been its own.
 */
export class WindowTable implements Windows {
  readonly #clock: Clock;
  readonly #observer: Pick<AccessObserver, 'limiterOverflow'>;
  readonly #mostCallers: number;
  /** In the order of the last admission, to a second: the first window is about the first to become empty. */
  readonly #windows = new Map<string, Place>();
  #shared: SlidingWindow | undefined;

  constructor({ clock, observer, mostCallers = 50_000 }: WindowTableOptions) {
    this.#clock = clock;
    this.#observer = observer;
    this.#mostCallers = mostCallers;
  }

  take(caller: string, limit: number, weight: number): WindowDecision {
    const now = this.#clock.monotonic();
    const own = this.#windows.get(caller);
    if (own === undefined && !this.#hasPlace(now)) return this.#takeShared(now, limit, weight);
    const window = windowFor(limit, own?.window ?? this.#inherited(now));
    const { fits, remaining, waitMs } = window.room(now, limit, weight);
    if (!fits) return { allowed: false, remaining, resetMs: waitMs };
    this.#admit({ caller, own, window, now, weight });
    return { allowed: true, remaining: remaining - weight, resetMs: windowMs };
  }

  /** Counts admissions that were decided elsewhere. Dropped when the table is full. */
  record(caller: string, limit: number, weight: number): void {
    const now = this.#clock.monotonic();
    const own = this.#windows.get(caller);
    if (own === undefined && !this.#hasPlace(now)) return;
    this.#admit({ caller, own, window: windowFor(limit, own?.window), now, weight });
  }

  get callers(): number {
    return this.#windows.size;
  }

  async close(): Promise<void> {
    this.#windows.clear();
    this.#shared = undefined;
    return Promise.resolve();
  }

  #admit({ caller, own, window, now, weight }: Admission): void {
    window.record(now, weight);
    if (own === undefined || now - own.since >= reorderMs) {
      this.#windows.delete(caller);
      this.#windows.set(caller, { window, since: now });
    } else own.window = window;
  }

  /** Drops at most two empty windows for each newcomer: the table shrinks again, and no call pays for many. */
  #hasPlace(now: number): boolean {
    let looked = 0;
    for (const [caller, { window }] of this.#windows) {
      if (looked === 2 || !window.isEmptyAt(now)) break;
      this.#windows.delete(caller);
      looked++;
    }
    return this.#windows.size < this.#mostCallers;
  }

  #takeShared(now: number, limit: number, weight: number): WindowDecision {
    this.#observer.limiterOverflow();
    this.#shared = windowFor(limit, this.#shared);
    const { fits, remaining, waitMs } = this.#shared.room(now, limit, weight);
    if (!fits) return { allowed: false, remaining, resetMs: waitMs };
    this.#shared.record(now, weight);
    return { allowed: true, remaining: remaining - weight, resetMs: windowMs };
  }

  #inherited(now: number): SlidingWindow | undefined {
    if (this.#shared?.isEmptyAt(now) === true) this.#shared = undefined;
    return this.#shared?.copy();
  }
}
