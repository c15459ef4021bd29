import type { Deadline } from '../shared/deadline.js';
import type { RuntimeDescription } from './catalogue.js';

/** Element types of the tensors that tabular models use. */
export type TensorType =
  | 'float32'
  | 'float64'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'float16';

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | string[];

/** Row-major. `bool` is a Uint8Array of 0 and 1; `float16` a Uint16Array of bit patterns. */
export interface Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export type TensorMap = Readonly<Record<string, Tensor>>;

/** A graph's input or output. A dimension that varies is null; the first one is the rows. */
export interface TensorSpec {
  readonly name: string;
  readonly type: TensorType;
  readonly dims: readonly (number | null)[];
}

export interface GraphSignature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Class labels, where the graph itself names them (ZipMap, a classifier's attributes). */
  readonly classes?: readonly (string | number)[];
  /** `classifier`, `regressor`, or `other` where the graph does not tell. */
  readonly kind: 'classifier' | 'regressor' | 'other';
}

/**
 * Runs one loaded model version. Implementations: `runtimes/onnx` (in process), later remote servers.
 *
 * Concurrency: `predictBatch` may be called again before the last call has settled. Order: outputs keep the rows' order.
 * Ownership: the inputs belong to the runtime until the promise settles. After `close` every call rejects; `close` waits for
 * the runs in flight. Errors: ServiceError only (INFERENCE_TIMEOUT, SERVICE_UNAVAILABLE, INTERNAL_ERROR with the cause).
 */
export interface Runtime {
  readonly signature: GraphSignature;
  /** `rows` ≥ 1: a batch of zero rows must never reach a runtime (it can kill the process). */
  predictBatch(inputs: TensorMap, rows: number, deadline: Deadline): Promise<TensorMap>;
  describe(): RuntimeDescription;
  close(): Promise<void>;
}
