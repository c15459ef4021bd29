import type { EventPublisher, EventTensor, PredictionRecord } from '../events/index.js';
import {
  datatypeOf,
  elementsOf,
  type GraphSignature,
  type ModelCatalogue,
  type ServingVersion,
  type Tensor,
  type TensorEntry,
  type TensorMap,
  type TensorSpec,
} from '../models/index.js';
import type { Clock } from '../shared/clock.js';
import { Deadline } from '../shared/deadline.js';
import { ServiceError, toServiceError } from '../shared/errors.js';
import { authorise } from './authorise.js';
import type { OriginCounts, PredictionObserver } from './observer.js';
import type { CallContext } from './types.js';

/** A call at the level of tensors, as it was read from its wire form. */
export interface TensorRequest {
  readonly inputs: TensorMap;
  /** Outputs wanted; undefined: all. */
  readonly outputs: readonly string[] | undefined;
  /** The caller's time in milliseconds; undefined: what the call's context says. */
  readonly timeoutMs: number | undefined;
}

/** Whose tensors they are. The request is read behind this, so that one that cannot be read leaves its event too. */
export interface TensorCall {
  readonly modelId: string;
  readonly modelVersion: string | undefined;
  /** @throws ServiceError INVALID_REQUEST */
  readonly read: () => TensorRequest;
}

export interface TensorReply {
  readonly modelId: string;
  readonly modelVersion: string;
  readonly outputs: readonly { readonly name: string; readonly tensor: Tensor }[];
}

/** Inference by the Open Inference Protocol: past features and output mapping, the rest as for any prediction. */
export interface TensorService {
  /** @throws ServiceError with any code that concerns predictions */
  infer(request: TensorCall, call: CallContext): Promise<TensorReply>;
}

export interface TensorInferenceParts {
  readonly catalogue: ModelCatalogue;
  readonly events: EventPublisher;
  readonly observer: PredictionObserver;
  readonly clock: Clock;
  readonly limits: {
    readonly maxTimeoutMs: number;
    readonly maxBatchInstances: number;
    readonly defaultTimeoutMs: number;
  };
  readonly newId: () => string;
}

const noOrigins: OriginCounts = { request: 0, cache: 0, store: 0, default: 0 };

/** One call on its way. */
interface TensorRun {
  readonly request: TensorCall;
  readonly call: CallContext;
  readonly receivedAt: number;
  readonly stageMs: Record<string, number>;
  version: ServingVersion | undefined;
  inputs: readonly EventTensor[];
  rows: number;
}

export class TensorInference implements TensorService {
  readonly #parts: TensorInferenceParts;

  constructor(parts: TensorInferenceParts) {
    this.#parts = parts;
  }

  async infer(request: TensorCall, call: CallContext): Promise<TensorReply> {
    const receivedAt = this.#parts.clock.now();
    const run: TensorRun = { request, call, receivedAt, stageMs: {}, version: undefined, inputs: [], rows: 1 };
    call.stageMs = run.stageMs;
    try {
      const reply = await this.#answer(run);
      await this.#record(run, undefined);
      return reply;
    } catch (thrown) {
      const error = toServiceError(thrown);
      await this.#record(run, error);
      throw error;
    }
  }

  async #answer(run: TensorRun): Promise<TensorReply> {
    const { modelId, modelVersion } = run.request;
    authorise(run.call.principal, modelId);
    const { inputs, outputs, timeoutMs } = run.request.read();
    run.inputs = Object.entries(inputs).map(([name, { type, dims }]) => ({
      name,
      datatype: datatypeOf(type),
      shape: dims,
    }));
    const deadline = this.#deadline(run.call, timeoutMs);
    this.#endStage(run, 'parse');
    const lease = this.#parts.catalogue.lease(modelId, modelVersion);
    try {
      run.version = lease.version;
      const { tensors } = lease.version;
      const names = wantedOutputs(tensors.signature, outputs);
      run.rows = checkedRows(tensors, inputs, this.#parts.limits.maxBatchInstances);
      deadline.check('parse');
      const results = await tensors.infer(inputs, run.rows, deadline);
      deadline.check('model');
      this.#endStage(run, 'model');
      return { modelId, modelVersion: lease.version.version, outputs: names.map((name) => outputOf(results, name)) };
    } finally {
      lease.release();
    }
  }

  #deadline(call: CallContext, timeoutMs: number | undefined): Deadline {
    const { clock, limits } = this.#parts;
    const wishes = [timeoutMs, call.timeoutMs].filter((wish) => wish !== undefined);
    const budget = wishes.length > 0 ? Math.min(...wishes, limits.maxTimeoutMs) : limits.defaultTimeoutMs;
    return new Deadline(clock, budget, call.caller, { startedAt: call.arrivedAt });
  }

  #endStage({ stageMs, call }: TensorRun, name: string): void {
    const before = Object.values(stageMs).reduce((sum, milliseconds) => sum + milliseconds, 0);
    stageMs[name] = this.#parts.clock.monotonic() - call.arrivedAt - before;
  }

  async #record(run: TensorRun, error: ServiceError | undefined): Promise<void> {
    const { events, observer, clock, newId } = this.#parts;
    const latencyMs = Math.round((clock.monotonic() - run.call.arrivedAt) * 1000) / 1000;
    const written = events.record(recordOf(run, { eventId: newId(), latencyMs, error }));
    observer.requestFinished({
      requestId: run.call.requestId,
      kind: run.rows === 1 ? 'single' : 'batch',
      modelId: run.version?.modelId ?? null,
      modelVersion: run.version?.version ?? null,
      error,
      cacheHit: false,
      latencyMs,
      stageMs: run.stageMs,
      rows: Array.from({ length: run.rows }, () => ({
        errorCode: error?.code,
        origins: noOrigins,
        ages: [],
        warnings: 0,
      })),
      clientId: run.call.principal.clientId,
      traceparent: run.call.traceparent,
      receivedAtMs: run.receivedAt,
    });
    if (written !== undefined) await written;
  }
}

interface Outcome {
  readonly eventId: string;
  readonly latencyMs: number;
  readonly error: ServiceError | undefined;
}

/** One event a call: tensors have no rows of their own that could be told apart. */
function recordOf(
  { request, call, receivedAt, stageMs, version, inputs }: TensorRun,
  outcome: Outcome,
): PredictionRecord {
  const { eventId, latencyMs, error } = outcome;
  return {
    eventId,
    requestId: call.requestId,
    timestamp: receivedAt,
    modelId: version?.modelId ?? (error?.code === 'MODEL_NOT_FOUND' ? null : request.modelId),
    modelVersion: version?.version ?? null,
    status: error === undefined ? 'success' : 'error',
    errorCode: error?.code,
    features: [],
    entities: [],
    // What was refused is not kept: names and shapes are the caller's.
    tensors: error === undefined ? inputs : [],
    latencyMs,
    stageMs,
    cacheHit: false,
    clientId: call.principal.clientId,
    traceparent: call.traceparent,
  };
}

function wantedOutputs({ outputs }: GraphSignature, wanted: readonly string[] | undefined): readonly string[] {
  const known = outputs.map(({ name }) => name);
  if (wanted === undefined) return known;
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown !== undefined) throw refused(`The model has no such output; it has ${known.join(', ')}`);
  return wanted;
}

/** Every input is there, of its type and shape; all hold the same number of rows. */
function checkedRows({ signature, maxRows }: TensorEntry, inputs: TensorMap, largest: number): number {
  const known = signature.inputs.map(({ name }) => name);
  if (Object.keys(inputs).some((name) => !known.includes(name))) {
    throw refused(`The model has no such input; it has ${known.join(', ')}`);
  }
  const rows = inputs[known[0] ?? '']?.dims[0] ?? 1;
  for (const spec of signature.inputs) checkInput(spec, inputs[spec.name], rows);
  if (rows < 1) throw refused('The tensors hold no rows');
  const limit = Math.min(maxRows ?? largest, largest);
  if (rows > limit) throw refused(`The tensors hold ${rows} rows; ${limit} are allowed in one call`);
  return rows;
}

function checkInput(spec: TensorSpec, tensor: Tensor | undefined, rows: number): void {
  const { name, type, dims } = spec;
  if (tensor === undefined) throw refused(`The input '${name}' is missing`);
  if (tensor.type !== type) throw refused(`The input '${name}' is ${datatypeOf(type)}, not ${datatypeOf(tensor.type)}`);
  const wanted = [dims[0] ?? rows, ...dims.slice(1)];
  const fits =
    tensor.dims.length === wanted.length && wanted.every((want, at) => want === null || want === tensor.dims[at]);
  if (fits && tensor.dims[0] === rows && elementsOf(tensor.dims) === tensor.data.length) return;
  const shape = dims.map((dimension) => dimension ?? -1).join(', ');
  throw refused(`The input '${name}' has the shape [${shape}], not [${tensor.dims.join(', ')}]`);
}

function outputOf(results: TensorMap, name: string): { readonly name: string; readonly tensor: Tensor } {
  const tensor = results[name];
  if (tensor !== undefined) return { name, tensor };
  throw new ServiceError('INTERNAL_ERROR', `The model gave no output '${name}'`);
}

function refused(message: string): ServiceError {
  return new ServiceError('INVALID_REQUEST', message);
}
