import type { Deadline } from '../../../shared/deadline.js';
import { ServiceError } from '../../../shared/errors.js';
import { isRefusal, type Permit } from '../../../resilience/circuit-breaker.js';
import type { RuntimeDescription } from '../../catalogue.js';
import type { GraphSignature, TensorMap } from '../../runtime.js';
import type { LocalRuntime } from '../../runtime-loader.js';
import { largestAnswer } from './answer-size.js';
import { checkInputs } from './check-inputs.js';
import type { ModelServersOptions, RemoteBackend } from './model-servers.js';
import type { ServerCallResult } from '../../model-server-observer.js';
import {
  mostRows,
  type ModelWatch,
  type RemoteAnswer,
  type RemoteProtocol,
  type RemoteRequest,
} from './remote-protocol.js';
import { ServerFault, type ServerAnswer } from './server-client.js';
import { changedError, faultError, refusedError, statusError, wrongAnswerError } from './server-errors.js';
import { WrongAnswer } from './wrong-answer.js';

export interface RemoteRuntimeParts {
  readonly modelId: string;
  readonly backend: RemoteBackend;
  readonly signature: GraphSignature;
  readonly protocol: RemoteProtocol;
  /** undefined where the protocol cannot ask for a signature. */
  readonly watch: ModelWatch | undefined;
  readonly notes: readonly string[];
  readonly options: Pick<ModelServersOptions, 'timeoutMs' | 'clock' | 'observer'>;
}

/** A caller's time that ends sooner than this says nothing about the server. */
const tellingMs = 1000;

/** A model on a server, reached by HTTP. Made by `loadOpenInferenceRuntime` and `loadMlflowRuntime`. */
export class RemoteRuntime implements LocalRuntime {
  readonly signature: GraphSignature;
  readonly notes: readonly string[];
  readonly cost = undefined;
  readonly lastRunUs = undefined;
  readonly offLoop = true;
  readonly maxRows: number | undefined;
  /** The way there and back counts: a run may take what a quarter of an attempt may. */
  readonly runTimeUs: number;
  readonly #parts: RemoteRuntimeParts;
  #inFlight = 0;
  #closed = false;
  readonly #idle: (() => void)[] = [];

  constructor(parts: RemoteRuntimeParts) {
    const { signature, notes, options } = parts;
    this.signature = signature;
    this.notes = notes;
    this.maxRows = mostRows(signature);
    this.runTimeUs = options.timeoutMs * 250;
    this.#parts = parts;
  }

  async predictBatch(inputs: TensorMap, rows: number, deadline: Deadline): Promise<TensorMap> {
    if (this.#closed) throw new ServiceError('SERVICE_UNAVAILABLE', 'This model version is being replaced');
    deadline.check('model');
    checkInputs(this.signature, inputs, rows);
    this.#inFlight++;
    try {
      return await this.#predict(inputs, rows, deadline);
    } finally {
      if (--this.#inFlight === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  describe(): RuntimeDescription {
    return { runtime: this.#parts.protocol.name, executor: 'remote' };
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #predict(inputs: TensorMap, rows: number, deadline: Deadline): Promise<TensorMap> {
    const { watch } = this.#parts;
    watch?.keepUp();
    this.#refuseChanged();
    const permit = this.#enter();
    try {
      const answer = await this.#answer(inputs, rows, deadline);
      await watch?.heedVersion(answer.modelVersion, deadline);
      permit.succeeded();
      this.#parts.backend.budget.earn();
      this.#tell('answered');
      this.#refuseChanged();
      return answer.outputs;
    } catch (error) {
      throw await this.#failed(error, permit, deadline);
    }
  }

  #refuseChanged(): void {
    const { watch, modelId } = this.#parts;
    if (watch?.change !== undefined) throw changedError(modelId, watch.change);
  }

  #enter(): Permit {
    const { backend, modelId } = this.#parts;
    const permit = backend.breaker.acquire();
    if (!isRefusal(permit)) return permit;
    this.#tell('refused');
    throw refusedError(modelId, permit.retryAfterMs);
  }

  async #answer(inputs: TensorMap, rows: number, deadline: Deadline): Promise<RemoteAnswer> {
    const { protocol, options } = this.#parts;
    const timeoutUs = Math.ceil(Math.min(options.timeoutMs, deadline.remainingMs()) * 1000);
    const answer = await this.#send(protocol.request(inputs, timeoutUs), rows, deadline);
    if (answer.status !== 200) throw new ErrorStatus(answer);
    return protocol.answer(answer, rows);
  }

  /** A second try, at once, only where the first sent nothing: a prediction may cost, and may have been made. */
  async #send(request: RemoteRequest, rows: number, deadline: Deadline): Promise<ServerAnswer> {
    const { backend, options } = this.#parts;
    const call = {
      ...request,
      method: 'POST' as const,
      maxBytes: largestAnswer(this.signature, rows),
      timeoutMs: options.timeoutMs,
      deadline,
    };
    try {
      return await backend.client.call(call);
    } catch (error) {
      const again = error instanceof ServerFault && error.kind === 'unreachable' && backend.budget.spend();
      if (!again) throw error;
      return await backend.client.call(call);
    }
  }

  /** Says what a failure means for the breaker, the log and the caller. */
  async #failed(error: unknown, permit: Permit, deadline: Deadline): Promise<unknown> {
    const { modelId } = this.#parts;
    if (error instanceof ServerFault) return this.#faulty(error, permit, deadline);
    if (error instanceof ErrorStatus) {
      this.#tell('error_status');
      const { status } = error.answer;
      if (status >= 500 || status === 429) permit.failed();
      else permit.ignored();
      return this.#namedIfChanged(statusError(modelId, error.answer), deadline);
    }
    if (error instanceof WrongAnswer) {
      permit.failed();
      this.#tell('wrong_answer');
      return this.#namedIfChanged(wrongAnswerError(modelId, error), deadline);
    }
    permit.ignored();
    return error;
  }

  #faulty(fault: ServerFault, permit: Permit, deadline: Deadline): ServiceError {
    const { modelId, options } = this.#parts;
    const enough = Math.min(tellingMs, options.timeoutMs);
    const impatient = fault.kind === 'timeout' && deadline.expired && deadline.budgetMs < enough;
    if (fault.kind === 'cancelled' || impatient) permit.ignored();
    else permit.failed();
    this.#tell(fault.kind === 'too_large' ? 'wrong_answer' : fault.kind);
    return faultError(modelId, fault);
  }

  /** An answer that does not fit may come of a signature that changed: then the error says so. */
  async #namedIfChanged(error: ServiceError, deadline: Deadline): Promise<ServiceError> {
    const { watch, modelId } = this.#parts;
    await watch?.lookWithin(deadline);
    return watch?.change === undefined ? error : changedError(modelId, watch.change);
  }

  #tell(result: ServerCallResult): void {
    this.#parts.options.observer.serverCalled({ modelId: this.#parts.modelId, result });
  }
}

class ErrorStatus extends Error {
  readonly answer: ServerAnswer;

  constructor(answer: ServerAnswer) {
    super(`status ${answer.status}`);
    this.answer = answer;
  }
}
