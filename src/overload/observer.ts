/**
 * What a refused request would have waited for. `concurrency`: `max_concurrency` are in flight. `loop`: the event loop has more to do than
 * fits in `max_queue_ms`. `queue`: those in flight wait that long for a model's turn.
 */
export type ShedReason = 'concurrency' | 'loop' | 'queue';

/** `shedding`: the event loop is refusing what it cannot do in time. */
export type AdmissionState = 'open' | 'shedding';

/** Facts about admission, for metrics and the log. */
export interface OverloadObserver {
  /** One request was refused. Called on the hot path of an overloaded process: must be cheap. */
  shed(reason: ShedReason): void;
  admissionState(state: AdmissionState): void;
}
