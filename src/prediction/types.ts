import type { Principal } from '../access/index.js';
import type { Caller } from '../shared/deadline.js';
import type { ErrorDetails, ErrorCode, ServiceError } from '../shared/errors.js';
import type { EntityKey, FeatureOrigin } from '../shared/feature-value.js';
import type { JsonObject } from '../shared/json.js';
import type { GivenFeatures } from './body/given-features.js';

/** What one row is predicted from. */
export interface Instance {
  readonly features: GivenFeatures;
  readonly entities: Readonly<Record<string, EntityKey>>;
}

/** The envelope of one prediction, checked: nothing unknown, nothing coerced. */
export interface PredictionRequest extends Instance {
  readonly modelId: string;
  /** A version or `@alias`. */
  readonly modelVersion: string | undefined;
  readonly options: PredictionOptions;
}

export interface PredictionOptions {
  readonly timeoutMs: number | undefined;
  readonly includeExplanation: boolean;
  readonly enableCache: boolean;
}

export interface BatchRequest {
  readonly modelId: string;
  readonly modelVersion: string | undefined;
  /** An instance that is wrong in itself is the error that its result carries. */
  readonly instances: readonly (Instance | ServiceError)[];
  readonly options: PredictionOptions;
}

/** What comes with a call beside its body. */
export interface CallContext {
  readonly requestId: string;
  /** Monotonic milliseconds at arrival. */
  readonly arrivedAt: number;
  readonly principal: Principal;
  /** From X-Request-Timeout-Ms; already checked to be in range. */
  readonly timeoutMs: number | undefined;
  /** Who waits; undefined where that cannot end early. */
  readonly caller?: Caller;
  /** Set by the pipeline: milliseconds of each stage, growing as stages end. */
  stageMs?: Readonly<Record<string, number>> | undefined;
  readonly traceparent?: string;
}

/** Why a score is what it is, as JSON: `base_value` and the contributions add up to it. */
export interface ExplanationReply {
  readonly method: string;
  readonly output: string;
  readonly scale: string;
  readonly base_value: number;
  readonly contributions: readonly ContributionReply[];
}

export interface ContributionReply {
  readonly feature: string;
  readonly origin: FeatureOrigin;
  readonly contribution: number;
  /** Of an estimate. */
  readonly standard_error?: number;
}

export interface Warning {
  readonly code: string;
  readonly message: string;
  readonly feature?: string;
}

/** 200 of POST /v1/predict, as JSON. */
export interface PredictionReply {
  readonly request_id: string;
  readonly model_id: string;
  readonly model_version: string;
  readonly prediction: JsonObject;
  readonly confidence: number | null;
  readonly latency_ms: number;
  readonly timestamp: string;
  readonly cached: boolean;
  readonly explanation?: ExplanationReply | undefined;
  readonly warnings?: readonly Warning[] | undefined;
}

export type BatchResult =
  | {
      readonly index: number;
      readonly prediction: JsonObject;
      readonly confidence: number | null;
      readonly cached: boolean;
      readonly explanation?: ExplanationReply | undefined;
      readonly warnings?: readonly Warning[] | undefined;
    }
  | {
      readonly index: number;
      readonly error: { readonly error_code: ErrorCode; readonly message: string; readonly details: ErrorDetails };
    };

/** 200 of POST /v1/predict/batch, as JSON. */
export interface BatchReply {
  readonly request_id: string;
  readonly model_id: string;
  readonly model_version: string;
  readonly results: readonly BatchResult[];
  readonly latency_ms: number;
  readonly timestamp: string;
}

/**
 * The core: one call in, one reply out, one event left behind. The body is the JSON text as it came.
 * @throws ServiceError with any code of the table that concerns predictions.
 */
export interface PredictionService {
  predict(body: Buffer, call: CallContext): Promise<PredictionReply>;
  predictBatch(body: Buffer, call: CallContext): Promise<BatchReply>;
}
