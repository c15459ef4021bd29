import type { Config } from '../config/schema.js';
import type { EventStats } from '../events/index.js';
import type { ModelDescription } from '../models/index.js';
import type { BatchReply } from '../prediction/index.js';
import type { FeatureScalar } from '../shared/feature-value.js';
import type { JsonObject } from '../shared/json.js';

/**
 * What the commands ask of the program: the only door from here to `app`, which implements it. Every method takes the configuration, so
 * that no command reads it for itself, and leaves nothing open when it settles. Failures that a person can mend reject with an
 * Error whose message says how.
 */
export interface Operations {
  createService(config: Config): Promise<Service>;
  /** Whether some stored key would be let in. */
  hasApiKey(config: Config): Promise<boolean>;
  models: ModelOperations;
  openPredictor(config: Config, modelId: string): Promise<Predictor>;
  features: FeatureOperations;
  events: EventOperations;
  database: DatabaseOperations;
  openKeys(config: Config): Promise<KeyOperations>;
  /** A secret, and the entry of auth.keys_file that lets it in; nothing is stored. */
  declareKey(request: KeyRequest): NewKey & { readonly entry: string };
}

/** The server of one `serve`. */
export interface Service {
  /** Resolves once the listener is up. When it rejects, all that it opened is closed again, and `stop` is not called. */
  start(): Promise<StartFacts>;
  /** Drains and closes, within the configured grace. */
  stop(): Promise<void>;
  /** Resolves when something was thrown that nobody caught: the service should be stopped, and the command fails. */
  readonly crashed: Promise<void>;
}

export interface StartFacts {
  /** The port that was really taken. */
  readonly port: number;
  readonly models: readonly ModelDescription[];
}

export interface ModelReport {
  readonly modelId: string;
  readonly version: string;
  readonly ok: boolean;
  /** Everything wrong, in words that name the file and the mend. */
  readonly problems: readonly string[];
  /** What was worked out from the graph, and what the golden rows showed. */
  readonly notes: readonly string[];
}

export interface ModelImport {
  readonly file: string;
  readonly modelId: string;
  readonly version: string;
  /** Names of the columns of a single tensor, in order; f0, f1, … without them. */
  readonly columns?: readonly string[];
}

export interface ModelVersion {
  readonly modelId: string;
  readonly version: string;
}

export interface RetiredVersion {
  readonly folder: string;
  readonly aliases: readonly string[];
}

export interface ModelOperations {
  list(config: Config): Promise<readonly ModelDescription[]>;
  /** Loads and scores versions without serving them: all of the folder, of one model, or one. */
  check(config: Config, modelId?: string, version?: string): Promise<readonly ModelReport[]>;
  /** Writes the version's folder; answers with the path of the manifest that it wrote. */
  import(config: Config, request: ModelImport): Promise<{ readonly manifest: string; readonly report: ModelReport }>;
  /** Points an alias at a version; answers with the version that it pointed at before. */
  promote(config: Config, version: ModelVersion, alias: string): Promise<string | undefined>;
  /**
   * Takes a version out of service; answers with where its folder went and the aliases that were taken away with it. Refuses where an
   * alias points at it, unless forced.
   */
  retire(config: Config, version: ModelVersion, force: boolean): Promise<RetiredVersion>;
}

/** Predicts batches, here or on a server. */
export interface Predictor {
  /** The version's description, where types of features and names of entities are. */
  signature(version?: string): Promise<Signature>;
  /** `body` is the JSON text of POST /v1/predict/batch. */
  predictBatch(body: string): Promise<BatchReply>;
  close(): Promise<void>;
}

export interface Signature {
  /** JSON Schema of `features`. */
  readonly features: JsonObject;
  readonly entities: readonly string[];
}

export interface FeatureImport {
  readonly file: string;
  readonly view: string;
  /** Bytes read so far and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** `problems` is empty when all rows were written; else none was, and it holds the first of `problemCount`. */
export interface FeatureImportResult {
  readonly rows: number;
  /** Columns of the file that the view does not name. */
  readonly ignoredColumns: readonly string[];
  readonly problems: readonly { readonly line: number; readonly message: string }[];
  readonly problemCount: number;
}

/** What the store holds for one entity. A value that the store holds and cannot be read is NaN. */
export interface StoredEntity {
  readonly features: Readonly<Record<string, FeatureScalar>>;
  /** RFC 3339; null where the view has no timestamp. */
  readonly updated_at: string | null;
  readonly age_seconds: number | null;
  /** Older than the view allows. */
  readonly stale: boolean;
}

export interface FeatureOperations {
  import(config: Config, request: FeatureImport): Promise<FeatureImportResult>;
  /** undefined when there is no row. */
  get(config: Config, view: string, key: string): Promise<StoredEntity | undefined>;
  /** View → what is wrong with its table. */
  verify(config: Config): Promise<readonly { readonly view: string; readonly problems: readonly string[] }[]>;
}

export interface TailRequest {
  /** How many of the events that there are. */
  readonly count: number;
  /** Go on with new ones until `signal` aborts. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** The JSON text of one event. */
  readonly onEvent: (json: string) => Promise<void>;
}

export interface EventOperations {
  tail(config: Config, request: TailRequest): Promise<void>;
  stats(config: Config): Promise<EventStats>;
}

/** The program's own tables in PostgreSQL. */
export interface DatabaseStatus {
  readonly schema: string;
  /** 0 where there is nothing of it. */
  readonly version: number;
  readonly latest: number;
  /** Names of the migrations that it lacks. */
  readonly pending: readonly string[];
}

export interface DatabaseOperations {
  status(config: Config): Promise<DatabaseStatus>;
  migrate(config: Config): Promise<DatabaseStatus & { readonly applied: readonly string[] }>;
}

export interface KeyRequest {
  readonly label: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: Date;
  /** null is unlimited. */
  readonly requestsPerMinute?: number | null;
}

export interface KeySummary {
  readonly id: string;
  readonly label: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly state: string;
}

/** A key whose secret is shown this once. */
export interface NewKey {
  readonly id: string;
  readonly secret: string;
}

export interface KeyOperations {
  create(request: KeyRequest): Promise<NewKey>;
  list(): Promise<readonly KeySummary[]>;
  /** The old key works on for `overlapSeconds`. */
  rotate(id: string, overlapSeconds: number): Promise<NewKey>;
  /** false when there is no such key. */
  revoke(id: string): Promise<boolean>;
  close(): Promise<void>;
}
