import type { Deadline } from '../../../shared/deadline.js';
import { ServiceError } from '../../../shared/errors.js';
import type { TensorMap } from '../../runtime.js';
import type { Executor } from './executor.js';
import type { OnnxSession } from './session.js';

/** Runs on the event loop. Once started a run cannot be stopped, nor can anything else go on: only short ones belong here. */
export class InlineExecutor implements Executor {
  readonly kind = 'inline';
  readonly givenUp = undefined;
  readonly #session: OnnxSession;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(session: OnnxSession) {
    this.#session = session;
  }

  get lastRunUs(): number | undefined {
    return this.#session.lastRunUs;
  }

  async run(inputs: TensorMap, outputs: readonly string[], deadline: Deadline): Promise<TensorMap> {
    if (this.#closing !== undefined) throw closedError();
    deadline.check('running the model');
    const run = this.#session.run(inputs, outputs);
    this.#running.add(run);
    try {
      return await run;
    } catch (error) {
      throw failedRunError(error);
    } finally {
      this.#running.delete(run);
    }
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#running).then(() => this.#session.release());
    return this.#closing;
  }
}

export function closedError(): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', 'This model version is being replaced', { retryAfterSeconds: 1 });
}

export function failedRunError(cause: unknown): ServiceError {
  return new ServiceError('INTERNAL_ERROR', 'The model failed to compute a prediction', { cause });
}
