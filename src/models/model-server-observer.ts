import type { BreakerState } from '../resilience/circuit-breaker.js';

/** How one call to a model server ended. `refused`: the breaker was open and nothing was sent. */
export type ServerCallResult =
  'answered' | 'unreachable' | 'timeout' | 'broken_off' | 'wrong_answer' | 'error_status' | 'cancelled' | 'refused';

/** Facts about remote model servers. `server` is scheme, host and port. */
export interface ModelServerObserver {
  /** The breaker of one model on one server has changed. */
  breakerChanged(facts: { readonly modelId: string; readonly server: string; readonly state: BreakerState }): void;
  serverCalled(facts: { readonly modelId: string; readonly result: ServerCallResult }): void;
  /** What the server says of a loaded model is no longer what it said at load. */
  signatureChanged(facts: { readonly modelId: string; readonly server: string; readonly change: string }): void;
}
