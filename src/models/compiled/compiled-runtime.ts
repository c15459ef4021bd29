import type { Clock } from '../../shared/clock.js';
import { Deadline } from '../../shared/deadline.js';
import { messageOf, ServiceError } from '../../shared/errors.js';
import type { RunCost } from '../batching/types.js';
import type { RuntimeDescription } from '../catalogue.js';
import type { TensorMap } from '../runtime.js';
import type { LocalRuntime } from '../runtime-loader.js';
import type { RuntimeObserver, VersionName } from '../runtime-observer.js';
import { differenceOf } from './compare-rows.js';
import type { CompiledGraph } from './compiled-graph.js';
import { sliceRow } from './row-slices.js';

/** One row in so many is computed by the reference again. */
const checkEvery = 10_000;
/** No check waits longer for the reference. */
const checkDeadlineMs = 30_000;

export interface CompiledRuntimeParts {
  readonly name: VersionName;
  readonly graph: CompiledGraph;
  /** The same model in onnxruntime: answers the checks, and everything once a check has failed. */
  readonly reference: LocalRuntime;
  readonly cost: RunCost;
  /** Rows of a run at most: the reference computes more of them for less. */
  readonly mostRows: number;
  readonly observer: RuntimeObserver;
  readonly clock: Clock;
  /** Tests set it lower. */
  readonly checkEvery?: number;
  /** Calls `check` later, off the path of the reply. Tests pass their own. */
  readonly schedule?: (check: () => void) => void;
}

/**
 * A model as plain functions, computed in the call itself. One row in 10,000 is also computed by onnxruntime afterwards; at the first
 * difference the compiled form is dropped for good.
 */
export class CompiledRuntime implements LocalRuntime {
  readonly signature: LocalRuntime['signature'];
  readonly maxRows: number | undefined;
  readonly notes: readonly string[];
  readonly #parts: CompiledRuntimeParts;
  readonly #every: number;
  readonly #mostRows: number;
  #untilCheck: number;
  #checking: Promise<void> | undefined;
  #dropped: string | undefined;
  #closed = false;

  constructor(parts: CompiledRuntimeParts) {
    this.#parts = parts;
    this.signature = parts.reference.signature;
    this.maxRows = parts.reference.maxRows;
    this.notes = parts.reference.notes;
    this.#every = parts.checkEvery ?? checkEvery;
    this.#untilCheck = this.#every;
    this.#mostRows = parts.mostRows;
  }

  get cost(): RunCost | undefined {
    return this.#dropped === undefined ? this.#parts.cost : this.#parts.reference.cost;
  }

  get lastRunUs(): number | undefined {
    return this.#dropped === undefined ? undefined : this.#parts.reference.lastRunUs;
  }

  get offLoop(): boolean {
    return this.#dropped !== undefined && this.#parts.reference.offLoop;
  }

  runsNow(rows: number): boolean {
    return this.#dropped === undefined && rows <= this.#mostRows;
  }

  runNow(inputs: TensorMap, rows: number): TensorMap {
    if (this.#closed) {
      throw new ServiceError('SERVICE_UNAVAILABLE', 'This model version is being replaced', { retryAfterSeconds: 1 });
    }
    const outputs = this.#compute(inputs, rows);
    this.#untilCheck -= rows;
    if (this.#untilCheck <= 0 && this.#checking === undefined) this.#check(sliceRow(inputs, 0));
    return outputs;
  }

  #compute(inputs: TensorMap, rows: number): TensorMap {
    try {
      if (!Number.isInteger(rows) || rows < 1) throw new Error(`a run needs at least one row, not ${rows}`);
      return this.#parts.graph.run(inputs, rows);
    } catch (cause) {
      throw new ServiceError('INTERNAL_ERROR', 'The model failed to compute a prediction', { cause });
    }
  }

  predictBatch(inputs: TensorMap, rows: number, deadline: Deadline): Promise<TensorMap> {
    if (this.#dropped !== undefined || rows > this.#mostRows) {
      return this.#parts.reference.predictBatch(inputs, rows, deadline);
    }
    return new Promise((resolve) => {
      if (!this.#closed) deadline.check('running the model');
      resolve(this.runNow(inputs, rows));
    });
  }

  #check(row: TensorMap): void {
    this.#untilCheck = this.#every;
    const schedule = this.#parts.schedule ?? setImmediate;
    this.#checking = new Promise<void>((resolve) => schedule(resolve))
      .then(() => this.#compareWithReference(row))
      .finally(() => (this.#checking = undefined));
  }

  async #compareWithReference(row: TensorMap): Promise<void> {
    const { graph, reference, name, observer, clock } = this.#parts;
    let want: TensorMap;
    try {
      want = await reference.predictBatch(row, 1, new Deadline(clock, checkDeadlineMs));
    } catch (error) {
      observer.compiledCheckFailed({ ...name, reason: messageOf(error) });
      return;
    }
    const got = graph.run(row, 1);
    const difference = differenceOf(want, got, graph.noise());
    observer.compiledChecked({ ...name, agreed: difference === undefined });
    if (difference === undefined) return;
    this.#dropped = `dropped for onnxruntime, as a check found that ${difference}`;
    observer.compiledDropped({ ...name, reason: difference });
  }

  describe(): RuntimeDescription {
    const { cost, reference } = this.#parts;
    const described = reference.describe();
    if (this.#dropped !== undefined) return { ...described, executor_reason: this.#dropped };
    const { executor_reason: _, ...rest } = described;
    return {
      ...rest,
      executor: 'compiled',
      cost_per_run_us: hundredths(cost.perRunUs),
      cost_per_row_us: hundredths(cost.perRowUs),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#checking;
    await this.#parts.reference.close();
  }
}

function hundredths(microseconds: number): number {
  return Math.round(microseconds * 100) / 100;
}
