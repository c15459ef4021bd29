import type { Explanation, RowPrediction, ServingVersion } from '../models/index.js';
import type { Clock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import { ServiceError } from '../shared/errors.js';
import { isCached, type AssembledRow } from './assembled-row.js';
import { noFeatures } from './body/given-features.js';
import type { CallContext, Instance, PredictionOptions } from './types.js';

/** One row on its way: what came in, how far it got, and what became of it. */
export interface RowRun {
  readonly instance: Instance;
  assembled: AssembledRow | undefined;
  result: RowPrediction | undefined;
  explanation: Explanation | undefined;
  error: ServiceError | undefined;
}

export const nothing: Instance = { features: noFeatures, entities: {} };

/** A row of which nothing but this is known. */
export function newRow(instance: Instance, error?: ServiceError): RowRun {
  return { instance, assembled: undefined, result: undefined, explanation: undefined, error };
}

/** What a request for predictions is and how far it has got: the pipeline writes it, reply and event are read from it. */
export class PredictionRun {
  readonly call: CallContext;
  readonly isBatch: boolean;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Of the stages that have ended. */
  readonly stageMs: Partial<Record<'parse' | 'features' | 'model' | 'explanation', number>> = {};
  modelId: string | null = null;
  modelVersion: string | undefined;
  options: PredictionOptions | undefined;
  rows: RowRun[] = [];
  version: ServingVersion | undefined;
  latencyMs = 0;
  /** When the last stage ended: monotonic milliseconds. */
  lappedAt: number;
  readonly #clock: Clock;

  constructor(call: CallContext, clock: Clock, isBatch: boolean) {
    this.call = call;
    this.isBatch = isBatch;
    this.#clock = clock;
    call.stageMs = this.stageMs;
    this.receivedAt = clock.now();
    this.lappedAt = call.arrivedAt;
  }

  /** The envelope is known. */
  begin(
    request: { modelId: string; modelVersion: string | undefined; options: PredictionOptions },
    instances: readonly (Instance | ServiceError)[],
  ): void {
    this.modelId = request.modelId;
    this.modelVersion = request.modelVersion;
    this.options = request.options;
    this.rows = instances.map((instance) =>
      instance instanceof ServiceError ? newRow(nothing, instance) : newRow(instance),
    );
  }

  /** One deadline for all stages: the smallest of the caller's wishes, else the default; counted from arrival. */
  deadline(defaultTimeoutMs: number): Deadline {
    const wishes = [this.options?.timeoutMs, this.call.timeoutMs].filter((wish) => wish !== undefined);
    const budget = wishes.length > 0 ? Math.min(...wishes) : defaultTimeoutMs;
    return new Deadline(this.#clock, budget, this.call.caller, { startedAt: this.call.arrivedAt });
  }

  /** Milliseconds of the stage that ends now; the next begins. */
  lap(): number {
    const now = this.#clock.monotonic();
    const milliseconds = now - this.lappedAt;
    this.lappedAt = now;
    return milliseconds;
  }

  /** The answer is known: the latency that reply and event tell. */
  finish(): void {
    this.latencyMs = Math.round((this.#clock.monotonic() - this.call.arrivedAt) * 1000) / 1000;
  }

  /** Rows that nothing has failed so far. */
  get open(): RowRun[] {
    return this.rows.filter((row) => row.error === undefined);
  }

  get cacheHit(): boolean {
    return this.rows.some((row) => isCached(row.assembled));
  }
}
