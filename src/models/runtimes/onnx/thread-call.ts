import { timeoutError, type Deadline } from '../../../shared/deadline.js';
import type { ServiceError } from '../../../shared/errors.js';
import type { TensorMap } from '../../runtime.js';

/** One run asked of the thread. Settles once: by its reply, or before that at its deadline (the late reply is then discarded). */
export class ThreadCall {
  readonly inputs: TensorMap;
  readonly outputs: readonly string[];
  readonly promise: Promise<TensorMap>;
  #resolve!: (outputs: TensorMap) => void;
  #reject!: (error: ServiceError) => void;
  readonly #stopWaiting: () => void;
  #settled = false;

  constructor(inputs: TensorMap, outputs: readonly string[], deadline: Deadline) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stopWaiting = deadline.onEnd(() => this.reject(timeoutError('running the model')));
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(outputs: TensorMap): void {
    this.#settle();
    this.#resolve(outputs);
  }

  reject(error: ServiceError): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#stopWaiting();
  }
}
