import type { ErrorCode, ServiceError } from '../shared/errors.js';
import type { FeatureOrigin } from '../shared/feature-value.js';

/** One HTTP request for predictions that got as far as the pipeline. Durations in milliseconds. */
export interface FinishedRequest {
  readonly requestId: string;
  readonly kind: 'single' | 'batch';
  /** null before a model was resolved: label values come only from the catalogue. */
  readonly modelId: string | null;
  readonly modelVersion: string | null;
  /** What failed the request as a whole; undefined for a reply of 200. */
  readonly error: ServiceError | undefined;
  readonly cacheHit: boolean;
  readonly latencyMs: number;
  readonly stageMs: Readonly<Record<string, number>>;
  readonly rows: readonly FinishedRow[];
  readonly clientId: string | null;
  readonly traceparent: string | undefined;
  readonly receivedAtMs: number;
}

export type OriginCounts = Readonly<Record<FeatureOrigin, number>>;

/** One prediction of a request. */
export interface FinishedRow {
  readonly errorCode: ErrorCode | undefined;
  /** How many of its feature values came from where. */
  readonly origins: OriginCounts;
  /** Ages in seconds of stored values that have one. */
  readonly ages: readonly (number | null | undefined)[];
  readonly warnings: number;
}

/** Told of every request for predictions, once, after its event is recorded. */
export interface PredictionObserver {
  requestFinished(request: FinishedRequest): void;
}
