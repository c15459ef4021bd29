import type { ServiceError } from '../shared/errors.js';

/** One gRPC call that was answered. */
export interface FinishedGrpcCall {
  /** `ModelInfer`. */
  readonly method: string;
  /** Name of the status: `OK`, `NOT_FOUND`. */
  readonly code: string;
  /** What it failed with. */
  readonly error: ServiceError | undefined;
  readonly requestId: string;
  /** null: anonymous, or not known. */
  readonly clientId: string | null;
  readonly traceparent: string | undefined;
  readonly durationMs: number;
  /** The prediction core has told of it already. */
  readonly reachedPrediction: boolean;
}

/** Facts about gRPC. */
export interface GrpcObserver {
  callFinished(call: FinishedGrpcCall): void;
}
