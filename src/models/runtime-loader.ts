import type { RunCost } from './batching/types.js';
import type { GraphSignature, Runtime, TensorMap } from './runtime.js';
import type { VersionName } from './runtime-observer.js';

/** Where a version's files are. */
export interface RuntimeSource {
  readonly name: VersionName;
  /** Absolute path of the model file. */
  readonly file: string;
  /** The version's folder: nothing outside of it may be read. */
  readonly folder: string;
  /** The model is computed by a server; `file` is not there then. */
  readonly remote?: RemoteSource;
  /**
   * Plausible rows to measure the model with, once its signature is known (from the manifest's ranges, enums and examples).
   * Absent, or undefined: made up from the types alone.
   */
  readonly sample?: (signature: GraphSignature, rows: number) => TensorMap | undefined;
}

/** A model on a model server, in place of a file. */
export interface RemoteSource {
  readonly runtime: 'open-inference' | 'mlflow';
  /** http(s)://host:port, with a prefix of the path if need be. */
  readonly url: string;
  readonly model: string;
  /** undefined: the server chooses. */
  readonly version: string | undefined;
}

/** A runtime in this process and what was measured when it was loaded. */
export interface LocalRuntime extends Runtime {
  /** undefined when the model refused the made-up rows that it was measured with. */
  readonly cost: RunCost | undefined;
  /** What the last run took in microseconds, nothing else counted; undefined before the first. */
  readonly lastRunUs: number | undefined;
  /** Rows that one run may hold: 1 where the graph's batch dimension is fixed at 1, else undefined. */
  readonly maxRows: number | undefined;
  /** Runs leave the event loop. */
  readonly offLoop: boolean;
  /** Microseconds that one run may take; absent: models.batch_time_us, ten times that off the loop. */
  readonly runTimeUs?: number;
  /** Oddities that do not stop the version from answering, in words. */
  readonly notes: readonly string[];
  /**
   * Computes in the call itself, for models so cheap that waiting for others would cost more. Only where `runsNow` says so.
   * Nothing of `inputs` is kept.
   * @throws ServiceError as `predictBatch` rejects
   */
  runNow?(inputs: TensorMap, rows: number): TensorMap;
  /** So many rows are best computed in the call itself. */
  runsNow?(rows: number): boolean;
}

/** Loads a version for use; app binds an implementation (`loadOnnxRuntime`). @throws ModelLoadError */
export type LoadRuntime = (source: RuntimeSource) => Promise<LocalRuntime>;
