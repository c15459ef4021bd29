import type { EntityKey, FeatureOrigin, FeatureValue } from '../shared/feature-value.js';
import type { ErrorCode } from '../shared/errors.js';
import type { JsonObject } from '../shared/json.js';

/** One feature as it went into a prediction. */
export interface EventFeature {
  readonly name: string;
  readonly value: FeatureValue;
  readonly origin: FeatureOrigin;
  /** Seconds since the stored row was updated; null where it has no timestamp. */
  readonly ageSeconds?: number | null | undefined;
  readonly pii: boolean;
}

/** A tensor without its values. */
export interface EventTensor {
  readonly name: string;
  /** Of the Open Inference Protocol: FP32, BYTES, … */
  readonly datatype: string;
  readonly shape: readonly number[];
}

/**
 * What happened in one prediction, before redaction: the publisher turns it into the wire form (docs/event.schema.json).
 * Durations in milliseconds, `timestamp` in milliseconds since the epoch.
 */
export interface PredictionRecord {
  readonly eventId: string;
  readonly requestId: string;
  readonly batchIndex?: number | undefined;
  readonly timestamp: number;
  /** null when the request did not get as far as naming one. */
  readonly modelId: string | null;
  readonly modelVersion: string | null;
  readonly status: 'success' | 'error';
  readonly errorCode?: ErrorCode | undefined;
  readonly features: readonly EventFeature[];
  /**
   * The JSON text of an object of all the features, where the caller gave every one and none is personal: it is taken over as it
   * is, which costs next to nothing. `features` is not read then.
   */
  readonly featuresText?: string | undefined;
  readonly entities: readonly { readonly name: string; readonly key: EntityKey; readonly pii: boolean }[];
  /** What a call at the level of tensors was given: shapes only, never values. */
  readonly tensors?: readonly EventTensor[] | undefined;
  readonly prediction?: JsonObject | undefined;
  readonly confidence?: number | null | undefined;
  readonly latencyMs: number;
  readonly stageMs: Readonly<Record<string, number>>;
  readonly cacheHit: boolean;
  /** Label or subject of the caller; null when anonymous. */
  readonly clientId: string | null;
  readonly traceparent?: string | undefined;
}
