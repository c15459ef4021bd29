/** Limits are per this time, in milliseconds: a minute, wherever it begins. */
export const windowMs = 60_000;

/** Whether more fits in. */
export interface Room {
  readonly fits: boolean;
  /** Of the limit, before what was asked for. */
  readonly remaining: number;
  /** Until it will fit, if nothing else is admitted; 0 when it does. */
  readonly waitMs: number;
}

/**
 * The admissions of one caller in the last 60 s. Times are monotonic milliseconds, 0 or more; they never step back. Asking changes nothing:
 * a refusal consumes nothing. The limit may be another one each time.
 */
export interface SlidingWindow {
  room(now: number, limit: number, weight: number): Room;
  /** Counts `weight` admissions at `now`, whether they fit or not. */
  record(now: number, weight: number): void;
  isEmptyAt(now: number): boolean;
  /** Another window with the same admissions. */
  copy(): SlidingWindow;
}
