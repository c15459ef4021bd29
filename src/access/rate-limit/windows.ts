/** The answer for one asker. Milliseconds are exact, so that a refusal can be repeated until the very instant it ends. */
export interface WindowDecision {
  readonly allowed: boolean;
  /** What is left of the limit after this. */
  readonly remaining: number;
  /** Refused: until it fits. Allowed: until all of the limit is free again. */
  readonly resetMs: number;
}

/**
 * The sliding windows of all callers, over all workers (or over all instances, where a store holds them). Never throws. `limit` is requests in
 * any 60 s, 1 or more; `weight` is a positive whole number.
 */
export interface Windows {
  take(caller: string, limit: number, weight: number): WindowDecision | Promise<WindowDecision>;
  close(): Promise<void>;
}
