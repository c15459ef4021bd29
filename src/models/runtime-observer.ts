/** The version that a fact is about. */
export interface VersionName {
  readonly modelId: string;
  readonly version: string;
}

/** Facts about where models run. */
export interface RuntimeObserver {
  /** A worker thread has loaded its model; `restarts` counts the crashes before. */
  workerStarted(facts: VersionName & { readonly restarts: number; readonly milliseconds: number }): void;
  /** A worker thread ended by itself. `pending` calls were failed; it is started again in `retryInMs`, or never (null). */
  workerCrashed(
    facts: VersionName & { readonly reason: string; readonly pending: number; readonly retryInMs: number | null },
  ): void;
  /** A row that the compiled form had answered was computed by onnxruntime again. */
  compiledChecked(facts: VersionName & { readonly agreed: boolean }): void;
  /** The reference gave no answer to compare with. */
  compiledCheckFailed(facts: VersionName & { readonly reason: string }): void;
  /** A check found a difference: onnxruntime answers for this version from now on. */
  compiledDropped(facts: VersionName & { readonly reason: string }): void;
}

/** Why queued rows were given up before they were run. */
export type BatchDrop = 'queue_full' | 'deadline' | 'cancelled' | 'closed';

/** Facts about batching. */
export interface BatchObserver {
  /** One run over `rows` rows took `microseconds`; the oldest row had waited `waitedUs`. `offLoop`: it left the event loop. */
  batchRun(
    facts: VersionName & {
      readonly rows: number;
      readonly microseconds: number;
      readonly waitedUs: number;
      readonly offLoop: boolean;
    },
  ): void;
  rowsDropped(facts: VersionName & { readonly rows: number; readonly reason: BatchDrop }): void;
  /** A run of several rows failed: each row is tried again alone. */
  batchSplit(facts: VersionName & { readonly rows: number; readonly error: unknown }): void;
}
