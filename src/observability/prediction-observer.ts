import type { FinishedRequest, FinishedRow, PredictionObserver } from '../prediction/index.js';
import type { FeatureOrigin } from '../shared/feature-value.js';
import type { CounterCell } from './instruments/counter.js';
import type { HistogramCell } from './instruments/histogram.js';
import { remembered } from './instruments/remembered.js';
import type { LogDestination } from './log-lines.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';
import { predictionLine } from './prediction-line.js';
import { loggedMessage, loggedProblems } from './refusal.js';
import { traceIdOf } from './trace-id.js';

/** The series of one model. */
class ModelCells {
  readonly failed: CounterCell;
  readonly #succeeded: CounterCell;
  readonly #requests: Readonly<Record<'success' | 'error', (cacheHit: string) => CounterCell>>;
  readonly #latency: HistogramCell;
  readonly #values: (origin: string) => CounterCell;
  readonly #age: HistogramCell;
  readonly #warnings: CounterCell;

  constructor(instruments: Instruments, model_id: string) {
    const { requests, latency, predictions, featureValues, featureAge, warnings } = instruments;
    const requestsOf = (status: string) => remembered((cache_hit) => requests.of({ model_id, status, cache_hit }));
    this.#requests = { success: requestsOf('success'), error: requestsOf('error') };
    this.#latency = latency.of({ model_id });
    this.#succeeded = predictions.of({ model_id, status: 'success' });
    this.failed = predictions.of({ model_id, status: 'error' });
    this.#values = remembered((origin) => featureValues.of({ model_id, origin }));
    this.#age = featureAge.of({ model_id });
    this.#warnings = warnings.of({ model_id });
  }

  countRequest({ error, cacheHit, latencyMs, traceparent }: FinishedRequest): void {
    this.#requests[error === undefined ? 'success' : 'error'](cacheHit ? 'true' : 'false').inc();
    this.#latency.observe(latencyMs / 1000, traceIdOf(traceparent));
  }

  countRow({ errorCode, origins, ages, warnings }: FinishedRow): void {
    (errorCode === undefined ? this.#succeeded : this.failed).inc();
    for (const origin in origins) {
      const count = origins[origin as FeatureOrigin];
      if (count > 0) this.#values(origin).inc(count);
    }
    for (const age of ages) if (age !== undefined && age !== null) this.#age.observe(age);
    this.#warnings.inc(warnings);
  }
}

/** Counts every request for predictions and writes its log line. Label `model_id` holds resolved models only. */
export class PredictionMetrics implements PredictionObserver {
  readonly #instruments: Instruments;
  readonly #logger: Logger;
  readonly #lines: LogDestination;
  readonly #modelCells: (modelId: string) => ModelCells;
  readonly #stageCells: (stage: string) => HistogramCell;

  constructor(instruments: Instruments, logger: Logger, lines: LogDestination) {
    this.#instruments = instruments;
    this.#logger = logger;
    this.#lines = lines;
    this.#modelCells = remembered((modelId) => new ModelCells(instruments, modelId));
    this.#stageCells = remembered((stage) => instruments.stages.of({ stage }));
  }

  requestFinished(request: FinishedRequest): void {
    this.#count(request);
    if (request.error === undefined) {
      if (this.#logger.isLevelEnabled('info')) this.#lines.write(predictionLine(request));
    } else this.#logFailure(request);
  }

  #count(request: FinishedRequest): void {
    const cells = this.#modelCells(request.modelId ?? '_unresolved');
    cells.countRequest(request);
    for (const row of request.rows) cells.countRow(row);
    if (request.rows.length === 0) cells.failed.inc();
    if (request.error !== undefined) this.#instruments.errors.inc({ error_code: request.error.code });
    for (const stage in request.stageMs) this.#stageCells(stage).observe((request.stageMs[stage] ?? 0) / 1000);
  }

  /** The caller's mistakes at INFO, refusals for want of room or time at WARN, our own faults at ERROR with their cause. */
  #logFailure(request: FinishedRequest): void {
    const { error } = request;
    if (error === undefined) return;
    const facts = {
      request_id: request.requestId,
      model_id: request.modelId,
      model_version: request.modelVersion,
      error_code: error.code,
      latency_ms: request.latencyMs,
      client_id: request.clientId,
      trace_id: traceIdOf(request.traceparent),
      problems: loggedProblems(error),
    };
    const message = `Prediction failed: ${loggedMessage(error)}`;
    if (error.code === 'INTERNAL_ERROR') this.#logger.error({ ...facts, err: error.cause ?? error }, message);
    else if (error.code === 'INFERENCE_TIMEOUT' || error.code === 'SERVICE_UNAVAILABLE')
      this.#logger.warn(facts, message);
    else this.#logger.info(facts, message);
  }
}
