import type { Awaitable } from '../shared/awaitable.js';
import type { Deadline } from '../shared/deadline.js';
import type { Problem, ServiceError } from '../shared/errors.js';
import type { JsonObject, JsonValue } from '../shared/json.js';
import type { ExplainsDescription, Explanation, MissingExplanation } from './explanation/explanation.js';
import type { GraphSignature, TensorMap } from './runtime.js';
import type { FeatureRow, FeatureSpec } from './signature.js';

/** What one row's prediction is. `confidence` is in 0…1, or null where the model gives none. */
export interface RowPrediction {
  readonly prediction: JsonObject;
  readonly confidence: number | null;
}

/** Checks one value against a feature's spec. `path` is where it stands in the request. undefined: it fits; costs no allocation then. */
export type FeatureCheck = (value: unknown, path: string) => readonly Problem[] | undefined;

/** A version that answers: its signature and its prediction. Lent out by the catalogue; valid until the lease is released. */
export interface ServingVersion {
  readonly modelId: string;
  readonly version: string;
  readonly features: readonly FeatureSpec[];
  /** Position of each feature by name. */
  readonly featureIndex: ReadonlyMap<string, number>;
  /** The check of each feature, in the order of `features`. */
  readonly checks: readonly FeatureCheck[];
  /** Whether the values of a whole row, in the order of `features`, pass all checks. Costs less than they do. */
  readonly fits: (row: readonly unknown[]) => boolean;
  /**
   * Predicts rows in order; the arrays are read before the promise settles and must not change until then.
   * One result a row: a prediction, or the error of that row alone (an output that is NaN or infinite: INTERNAL_ERROR that names the model).
   * A model that computes in the call answers at once, others by a promise.
   * @throws ServiceError INFERENCE_TIMEOUT, SERVICE_UNAVAILABLE, INTERNAL_ERROR when no row could be predicted: as a promise that rejects.
   */
  predict(rows: readonly FeatureRow[], deadline: Deadline): Awaitable<readonly (RowPrediction | ServiceError)[]>;
  /** Why the score of a row is what it is, or why that is not told: no explanation ever fails a prediction. Never rejects for it. */
  explain(row: FeatureRow, deadline: Deadline): Promise<Explanation | MissingExplanation>;
  /** Past features and prediction: tensor in, tensor out. */
  readonly tensors: TensorEntry;
}

/** A version at the level of its own graph: the tensors of the Open Inference Protocol. */
export interface TensorEntry {
  readonly signature: GraphSignature;
  /** Rows that one call may hold; undefined: any number. */
  readonly maxRows: number | undefined;
  /** How it computes: `onnx`, `open-inference`, … */
  readonly runtime: string;
  /**
   * `inputs` fit the signature and hold `rows` ≥ 1 rows each; they belong to the version until the promise settles.
   * @throws ServiceError INFERENCE_TIMEOUT, SERVICE_UNAVAILABLE, INTERNAL_ERROR
   */
  infer(inputs: TensorMap, rows: number, deadline: Deadline): Promise<TensorMap>;
}

/** Holds a version in memory while a call uses it. `release` must be called exactly once. */
export interface ModelLease {
  readonly version: ServingVersion;
  release(): void;
}

/** Life of a version, forward only. A state is announced once it is true. */
export type VersionState =
  | { readonly state: 'discovered' | 'loading' | 'warming' | 'ready' | 'draining' | 'gone' }
  | { readonly state: 'failed'; readonly reason: string };

/** How a version computes, as told in /v1/models. Costs in microseconds, measured at load. */
export interface RuntimeDescription {
  readonly runtime: string;
  /** `compiled`, `inline`, `worker`, `remote`. */
  readonly executor: string;
  /** Why a faster executor was not taken, if so. */
  readonly executor_reason?: string;
  readonly cost_per_run_us?: number;
  readonly cost_per_row_us?: number;
}

/** A version in the catalogue, as JSON: GET /v1/models/{model_id}/versions/{version}. */
export interface VersionDescription {
  readonly version: string;
  readonly state: VersionState['state'];
  /** Why it is not ready, or what is odd about it (`changed_in_place`, an alias in two places). */
  readonly reasons: readonly string[];
  readonly aliases: readonly string[];
  readonly description?: string;
  readonly runtime?: RuntimeDescription;
  /** How its predictions are explained, or what to add so that they can be. */
  readonly explains?: ExplainsDescription;
  /** JSON Schema (2020-12 subset) of `features`. */
  readonly features?: JsonObject;
  /** Entities that stored features are looked up by: entity name → the features it supplies. */
  readonly entities?: { readonly [entity: string]: readonly string[] };
  /** A request body that this version answers. */
  readonly example?: JsonValue;
}

export interface ModelDescription {
  readonly model_id: string;
  readonly versions: readonly VersionDescription[];
  readonly aliases: { readonly [alias: string]: string };
  /** The version that answers without model_version; null when none can. */
  readonly default_version: string | null;
  /** What is wrong with the model's folder as a whole. */
  readonly problems: readonly string[];
}

export interface CatalogueReadiness {
  /** The first scan is done and every version that an alias or "highest" points to has left loading. */
  readonly settled: boolean;
  readonly ready: number;
  readonly failed: number;
  readonly loading: number;
}

/** Loads and unloads models by request. What it does holds for every process that shares the data folder, and over restarts. */
export interface ModelControl {
  /**
   * Takes up what the registry holds of a model; resolves when a version is ready.
   * @throws ServiceError MODEL_NOT_FOUND; SERVICE_UNAVAILABLE when no version can be loaded, with the reasons
   */
  load(modelId: string): Promise<void>;
  /** The model is not known any more until it is loaded; calls under way are finished. @throws ServiceError MODEL_NOT_FOUND */
  unload(modelId: string): Promise<void>;
  /** By name. */
  unloaded(): Promise<readonly string[]>;
}

/** The models that this process serves. */
export interface ModelCatalogue {
  /**
   * Lends the version that `reference` means: a version, `@alias`, or nothing (alias `production`, else the highest ready one).
   * @throws ServiceError MODEL_NOT_FOUND; SERVICE_UNAVAILABLE when the version or alias meant is not ready.
   */
  lease(modelId: string, reference?: string): ModelLease;
  list(): readonly ModelDescription[];
  describe(modelId: string): ModelDescription | undefined;
  readiness(): CatalogueReadiness;
}
