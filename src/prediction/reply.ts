import { isoTimestamp } from '../shared/timestamp.js';
import { isCached } from './assembled-row.js';
import type { PredictionRun, RowRun } from './prediction-run.js';
import type { BatchReply, BatchResult, ExplanationReply, PredictionReply, Warning } from './types.js';

/** The reply of a single prediction whose row succeeded. */
export function predictionReply(run: PredictionRun, timestampMs: number): PredictionReply {
  const row = run.rows[0];
  if (row?.result === undefined) throw new Error('A reply was asked for without a prediction');
  const { modelId, version } = versionOf(run);
  // Written out: spreading optional parts costs a tenth of a request.
  return {
    request_id: run.call.requestId,
    model_id: modelId,
    model_version: version,
    prediction: row.result.prediction,
    confidence: row.result.confidence,
    latency_ms: run.latencyMs,
    timestamp: isoTimestamp(timestampMs),
    cached: isCached(row.assembled),
    explanation: explanationOf(row),
    warnings: warningsOf(row),
  };
}

/** The reply of a batch, whatever became of its rows. */
export function batchReply(run: PredictionRun, timestampMs: number): BatchReply {
  const { modelId, version } = versionOf(run);
  return {
    request_id: run.call.requestId,
    model_id: modelId,
    model_version: version,
    results: run.rows.map(batchResult),
    latency_ms: run.latencyMs,
    timestamp: isoTimestamp(timestampMs),
  };
}

function batchResult(row: RowRun, index: number): BatchResult {
  if (row.error !== undefined) {
    const { code, message, details } = row.error;
    return { index, error: { error_code: code, message, details } };
  }
  if (row.result === undefined) throw new Error('A row ended without an outcome');
  return {
    index,
    prediction: row.result.prediction,
    confidence: row.result.confidence,
    cached: isCached(row.assembled),
    explanation: explanationOf(row),
    warnings: warningsOf(row),
  };
}

function versionOf(run: PredictionRun) {
  if (run.version === undefined) throw new Error('A reply was asked for without a model');
  return run.version;
}

function explanationOf(row: RowRun): ExplanationReply | undefined {
  const { explanation, assembled } = row;
  if (explanation === undefined || assembled === undefined) return undefined;
  const { method, output, scale, baseValue, contributions } = explanation;
  return {
    ...{ method, output, scale, base_value: baseValue },
    contributions: contributions.map(({ feature, index, contribution, standardError }) => ({
      ...{ feature, origin: assembled.origins[index] ?? 'request', contribution },
      ...(standardError !== undefined && { standard_error: standardError }),
    })),
  };
}

function warningsOf(row: RowRun): readonly Warning[] | undefined {
  const warnings = row.assembled?.warnings;
  return warnings?.length === 0 ? undefined : warnings;
}
