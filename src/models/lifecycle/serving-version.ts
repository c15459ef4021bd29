import type { Awaitable } from '../../shared/awaitable.js';
import type { Clock } from '../../shared/clock.js';
import type { Deadline } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';
import type { RowBatcher } from '../batching/types.js';
import type { FeatureCheck, RowPrediction, ServingVersion, TensorEntry } from '../catalogue.js';
import { isMissing, type Explanation, type MissingExplanation, type RowExplainer } from '../explanation/explanation.js';
import type { ExplanationObserver } from '../explanation/observer.js';
import type { OutputMapper } from '../output/output-mapper.js';
import type { LocalRuntime } from '../runtime-loader.js';
import type { BatchObserver, VersionName } from '../runtime-observer.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';
import { decodeOutputs } from '../tensor-decoder.js';
import type { RowOutputs, TensorEncoder } from '../tensor-types.js';
import { Batcher } from '../batching/batcher.js';
import { ImmediateRows } from '../batching/immediate-rows.js';

export type VersionBatcher = RowBatcher<FeatureRow, RowOutputs>;

export interface ServingParts {
  readonly name: VersionName;
  readonly features: readonly FeatureSpec[];
  readonly mapper: OutputMapper;
  readonly checks: readonly FeatureCheck[];
  readonly fits: ServingVersion['fits'];
  readonly batcher: VersionBatcher;
  readonly explainer: RowExplainer;
  readonly tensors: TensorEntry;
  readonly clock: Clock;
  readonly observer: ExplanationObserver;
}

/** Row in, prediction out: joins the rows of a turn into runs, then maps each row's outputs. */
export class CompiledVersion implements ServingVersion {
  readonly modelId: string;
  readonly version: string;
  readonly features: readonly FeatureSpec[];
  readonly featureIndex: ReadonlyMap<string, number>;
  readonly checks: readonly FeatureCheck[];
  readonly fits: ServingVersion['fits'];
  readonly tensors: TensorEntry;
  readonly #mapper: OutputMapper;
  readonly #batcher: VersionBatcher;
  readonly #explainer: RowExplainer;
  readonly #clock: Clock;
  readonly #observer: ExplanationObserver;

  constructor(parts: ServingParts) {
    const { name, features, checks, fits, mapper, batcher, explainer, tensors, clock, observer } = parts;
    this.modelId = name.modelId;
    this.version = name.version;
    this.features = features;
    this.featureIndex = new Map(features.map((spec, index) => [spec.name, index]));
    this.checks = checks;
    this.fits = fits;
    this.tensors = tensors;
    this.#mapper = mapper;
    this.#batcher = batcher;
    this.#explainer = explainer;
    this.#clock = clock;
    this.#observer = observer;
  }

  predict(rows: readonly FeatureRow[], deadline: Deadline): Awaitable<readonly (RowPrediction | ServiceError)[]> {
    const results = this.#batcher.submit(rows, deadline);
    return results instanceof Promise
      ? results.then((outputs) => this.#mapAll(outputs, rows))
      : this.#mapAll(results, rows);
  }

  async explain(row: FeatureRow, deadline: Deadline): Promise<Explanation | MissingExplanation> {
    const started = this.#clock.monotonic();
    const answer = await this.#explainer.explain(row, deadline);
    const { explains } = this.#explainer;
    this.#observer.explained({
      modelId: this.modelId,
      version: this.version,
      method: 'method' in explains ? explains.method : null,
      outcome: outcomeOf(answer),
      microseconds: (this.#clock.monotonic() - started) * 1000,
    });
    return answer;
  }

  #mapAll(results: readonly (RowOutputs | ServiceError)[], rows: readonly FeatureRow[]) {
    return results.map((result, index) =>
      result instanceof ServiceError ? result : this.#map(result, rows[index] ?? []),
    );
  }

  #map(outputs: RowOutputs, row: FeatureRow): RowPrediction | ServiceError {
    try {
      return this.#mapper.map(outputs, row);
    } catch (error) {
      if (error instanceof ServiceError) return error;
      throw error;
    }
  }
}

/** The runtime itself, without what is built around it for features. */
export function tensorEntry(runtime: LocalRuntime): TensorEntry {
  return {
    signature: runtime.signature,
    maxRows: runtime.maxRows,
    runtime: runtime.describe().runtime,
    infer: (inputs, rows, deadline) => runtime.predictBatch(inputs, rows, deadline),
  };
}

function outcomeOf(answer: Explanation | MissingExplanation) {
  if (!isMissing(answer)) return 'given';
  return answer.code === 'explanation_dropped' ? 'dropped' : 'unavailable';
}

export interface BatcherParts {
  readonly name: VersionName;
  readonly encoder: TensorEncoder;
  readonly runtime: LocalRuntime;
  readonly batchTimeUs: number;
  readonly queueRows: number;
  readonly clock: Clock;
  readonly observer: BatchObserver;
}

/** The batcher of one version: encode, run, decode. A runtime that computes in the call itself is not made to wait for others. */
export function versionBatcher(parts: BatcherParts): VersionBatcher {
  const { encoder, runtime, ...options } = parts;
  const outputs = runtime.signature.outputs.map(({ name }) => name);
  const queue = new Batcher<FeatureRow, RowOutputs>({
    ...options,
    run: async (rows, deadline) =>
      decodeOutputs(await runtime.predictBatch(encoder.encode(rows), rows.length, deadline), rows.length, outputs),
    ...(runtime.runTimeUs !== undefined && { batchTimeUs: runtime.runTimeUs / 10 }),
    ...(runtime.cost !== undefined && { cost: runtime.cost }),
    ...(runtime.maxRows !== undefined && { maxRows: runtime.maxRows }),
    // A compiled version may be dropped for one that computes elsewhere.
    get offLoop() {
      return runtime.offLoop;
    },
  });
  if (runtime.runNow === undefined || runtime.maxRows !== undefined) return queue;
  return new ImmediateRows<FeatureRow, RowOutputs>({
    ...options,
    queue,
    cost: () => runtime.cost,
    runNow: (rows) => {
      if (runtime.runsNow?.(rows.length) !== true) return undefined;
      const results = runtime.runNow?.(encoder.encodeForNow(rows), rows.length);
      return results && decodeOutputs(results, rows.length, outputs);
    },
  });
}
