import type { Deadline } from '../../../shared/deadline.js';
import { ServiceError } from '../../../shared/errors.js';
import type { RunCost } from '../../batching/types.js';
import type { RuntimeDescription } from '../../catalogue.js';
import type { GraphSignature, TensorMap } from '../../runtime.js';
import type { LocalRuntime } from '../../runtime-loader.js';
import type { Executor } from './executor.js';

export interface OnnxRuntimeParts {
  readonly executor: Executor;
  readonly signature: GraphSignature;
  readonly cost: RunCost | undefined;
  readonly maxRows: number | undefined;
  readonly notes: readonly string[];
  /** Why the model does not run on the event loop, or was not measured. */
  readonly reason: string | undefined;
}

/** An ONNX model in this process. Made by `loadOnnxRuntime`. */
export class OnnxRuntime implements LocalRuntime {
  readonly signature: GraphSignature;
  readonly cost: RunCost | undefined;
  readonly maxRows: number | undefined;
  readonly notes: readonly string[];
  readonly offLoop: boolean;
  readonly #executor: Executor;
  readonly #reason: string | undefined;
  readonly #outputs: readonly string[];

  readonly #parts: OnnxRuntimeParts;

  constructor(parts: OnnxRuntimeParts) {
    const { executor, signature, cost, maxRows, notes, reason } = parts;
    this.#parts = parts;
    this.signature = signature;
    this.cost = cost;
    this.maxRows = maxRows;
    this.notes = notes;
    this.offLoop = executor.kind === 'worker';
    this.#executor = executor;
    this.#reason = reason;
    this.#outputs = signature.outputs.map((output) => output.name);
  }

  get lastRunUs(): number | undefined {
    return this.#executor.lastRunUs;
  }

  /** The same runtime, with one more reason for where it computes. */
  withReason(reason: string): OnnxRuntime {
    const reasons = [this.#parts.reason, reason].filter((one) => one !== undefined);
    return new OnnxRuntime({ ...this.#parts, reason: [...new Set(reasons)].join('; ') });
  }

  async predictBatch(inputs: TensorMap, rows: number, deadline: Deadline): Promise<TensorMap> {
    this.#checkRows(inputs, rows);
    return this.#executor.run(inputs, this.#outputs, deadline);
  }

  /** Tensors of no rows can end the process with SIGFPE (k-nearest neighbours), and none may differ from its neighbours. */
  #checkRows(inputs: TensorMap, rows: number): void {
    if (!Number.isInteger(rows) || rows < 1) throw wrongRows(`a run needs at least one row, not ${rows}`);
    for (const { name } of this.signature.inputs) {
      const tensor = inputs[name];
      if (tensor === undefined) throw wrongRows(`input '${name}' is missing`);
      if (tensor.dims[0] !== rows) throw wrongRows(`input '${name}' holds ${tensor.dims[0]} rows, not ${rows}`);
    }
  }

  describe(): RuntimeDescription {
    const reason = this.#executor.givenUp ?? this.#reason;
    return {
      runtime: 'onnx',
      executor: this.#executor.kind,
      ...(reason !== undefined && { executor_reason: reason }),
      ...(this.cost && { cost_per_run_us: tenths(this.cost.perRunUs), cost_per_row_us: tenths(this.cost.perRowUs) }),
    };
  }

  close(): Promise<void> {
    return this.#executor.close();
  }
}

function wrongRows(why: string): ServiceError {
  return new ServiceError('INTERNAL_ERROR', 'The model was given wrong tensors', { cause: new Error(why) });
}

function tenths(microseconds: number): number {
  return Math.round(microseconds * 10) / 10;
}
