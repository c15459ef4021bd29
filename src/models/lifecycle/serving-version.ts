import type { Clock } from '../../shared/clock.js';
import type { Deadline } from '../../shared/deadline.js';
import { ServiceError } from '../../shared/errors.js';
import type { RowBatcher } from '../batching/types.js';
import type { FeatureCheck, RowPrediction, ServingVersion } from '../catalogue.js';
import { compileFeatureCheck } from '../feature-check.js';
import type { OutputMapper } from '../output/output-mapper.js';
import type { LocalRuntime } from '../runtime-loader.js';
import type { BatchObserver, VersionName } from '../runtime-observer.js';
import type { FeatureRow, FeatureSpec } from '../signature.js';
import { decodeOutputs } from '../tensor-decoder.js';
import type { RowOutputs, TensorEncoder } from '../tensor-types.js';
import { Batcher } from '../batching/batcher.js';

export type VersionBatcher = RowBatcher<FeatureRow, RowOutputs>;

export interface ServingParts {
  readonly name: VersionName;
  readonly features: readonly FeatureSpec[];
  readonly encoder: TensorEncoder;
  readonly mapper: OutputMapper;
  readonly batcher: VersionBatcher;
}

/** Row in, prediction out: joins the rows of a turn into runs, then maps each row's outputs. */
export class CompiledVersion implements ServingVersion {
  readonly modelId: string;
  readonly version: string;
  readonly features: readonly FeatureSpec[];
  readonly featureIndex: ReadonlyMap<string, number>;
  readonly checks: readonly FeatureCheck[];
  readonly #mapper: OutputMapper;
  readonly #batcher: VersionBatcher;

  constructor({ name, features, encoder, mapper, batcher }: ServingParts) {
    this.modelId = name.modelId;
    this.version = name.version;
    this.features = features;
    this.featureIndex = new Map(features.map((spec, index) => [spec.name, index]));
    const ranges = features.map((spec) => encoder.rangeOf(spec.name));
    this.checks = compileFeatureCheck(features, ranges);
    this.#mapper = mapper;
    this.#batcher = batcher;
  }

  async predict(rows: readonly FeatureRow[], deadline: Deadline): Promise<(RowPrediction | ServiceError)[]> {
    const results = await this.#batcher.submit(rows, deadline);
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

export interface BatcherParts {
  readonly name: VersionName;
  readonly encoder: TensorEncoder;
  readonly runtime: LocalRuntime;
  readonly batchTimeUs: number;
  readonly queueRows: number;
  readonly clock: Clock;
  readonly observer: BatchObserver;
}

/** The batcher of one version: encode, run, decode. */
export function versionBatcher({ encoder, runtime, ...options }: BatcherParts): VersionBatcher {
  const outputs = runtime.signature.outputs.map(({ name }) => name);
  return new Batcher<FeatureRow, RowOutputs>({
    ...options,
    run: async (rows, deadline) =>
      decodeOutputs(await runtime.predictBatch(encoder.encode(rows), rows.length, deadline), rows.length, outputs),
    ...(runtime.cost !== undefined && { cost: runtime.cost }),
    ...(runtime.maxRows !== undefined && { maxRows: runtime.maxRows }),
    offLoop: runtime.offLoop,
  });
}
