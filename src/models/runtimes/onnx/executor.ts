import type { Deadline } from '../../../shared/deadline.js';
import type { TensorMap } from '../../runtime.js';

/** Where a session runs. Calls may overlap; each is answered for itself. */
export interface Executor {
  readonly kind: 'inline' | 'worker';
  /** What the last run took in microseconds; undefined before the first. */
  readonly lastRunUs: number | undefined;
  /** Why no run will ever succeed again; undefined while one may. */
  readonly givenUp: string | undefined;
  /** @throws ServiceError INFERENCE_TIMEOUT, SERVICE_UNAVAILABLE, INTERNAL_ERROR (its cause is onnxruntime's error) */
  run(inputs: TensorMap, outputs: readonly string[], deadline: Deadline): Promise<TensorMap>;
  /** Waits for the runs in flight, then gives the memory back. Calls after it are refused. */
  close(): Promise<void>;
}
