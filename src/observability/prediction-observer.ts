import type { FinishedRequest, PredictionObserver } from '../prediction/index.js';
import type { LogDestination, Logger } from './logger.js';
import type { Instruments } from './metrics.js';
import { predictionLine } from './prediction-line.js';
import { loggedMessage, loggedProblems } from './refusal.js';
import { traceIdOf } from './trace-id.js';

const noExemplar = {};

/** Counts every request for predictions and writes its log line. Label `model_id` holds resolved models only. */
export class PredictionMetrics implements PredictionObserver {
  readonly #instruments: Instruments;
  readonly #logger: Logger;
  readonly #lines: LogDestination;

  constructor(instruments: Instruments, logger: Logger, lines: LogDestination) {
    this.#instruments = instruments;
    this.#logger = logger;
    this.#lines = lines;
  }

  requestFinished(request: FinishedRequest): void {
    this.#count(request);
    if (request.error === undefined) {
      if (this.#logger.isLevelEnabled('info')) this.#lines.write(predictionLine(request));
    } else this.#logFailure(request);
  }

  #count(request: FinishedRequest): void {
    const { requests, latency, errors, stages } = this.#instruments;
    const model_id = request.modelId ?? '_unresolved';
    const status = request.error === undefined ? 'success' : 'error';
    requests.inc({ model_id, status, cache_hit: String(request.cacheHit) });
    const seconds = request.latencyMs / 1000;
    const trace_id = traceIdOf(request.traceparent);
    const exemplarLabels = trace_id === undefined ? noExemplar : { trace_id };
    latency.observe({ labels: { model_id }, value: seconds, exemplarLabels });
    if (request.error !== undefined) errors.inc({ error_code: request.error.code });
    for (const stage in request.stageMs) stages.observe({ stage }, (request.stageMs[stage] ?? 0) / 1000);
    this.#countRows(request, model_id);
  }

  #countRows(request: FinishedRequest, model_id: string): void {
    const { predictions, featureValues, featureAge, warnings } = this.#instruments;
    const origins = { request: 0, cache: 0, store: 0, default: 0 };
    let succeeded = 0;
    let warned = 0;
    for (const row of request.rows) {
      if (row.errorCode === undefined) succeeded++;
      for (const origin of row.origins) origins[origin]++;
      for (const age of row.ages) if (age !== undefined && age !== null) featureAge.observe({ model_id }, age);
      warned += row.warnings;
    }
    const failed = Math.max(1, request.rows.length) - succeeded;
    if (succeeded > 0) predictions.inc({ model_id, status: 'success' }, succeeded);
    if (failed > 0) predictions.inc({ model_id, status: 'error' }, failed);
    for (const [origin, count] of Object.entries(origins))
      if (count > 0) featureValues.inc({ model_id, origin }, count);
    if (warned > 0) warnings.inc({ model_id }, warned);
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
