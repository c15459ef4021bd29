import { isoTimestamp } from '../shared/timestamp.js';
import { isCached } from './assembled-row.js';
import type { PredictionRun, RowRun } from './prediction-run.js';
import type { BatchReply, BatchResult, PredictionReply, Warning } from './types.js';

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
    warnings: warningsOf(run, row),
  };
}

/** The reply of a batch, whatever became of its rows. */
export function batchReply(run: PredictionRun, timestampMs: number): BatchReply {
  const { modelId, version } = versionOf(run);
  return {
    request_id: run.call.requestId,
    model_id: modelId,
    model_version: version,
    results: run.rows.map((row, index) => batchResult(run, row, index)),
    latency_ms: run.latencyMs,
    timestamp: isoTimestamp(timestampMs),
  };
}

function batchResult(run: PredictionRun, row: RowRun, index: number): BatchResult {
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
    warnings: warningsOf(run, row),
  };
}

function versionOf(run: PredictionRun) {
  if (run.version === undefined) throw new Error('A reply was asked for without a model');
  return run.version;
}

function warningsOf(run: PredictionRun, row: RowRun): readonly Warning[] | undefined {
  const warnings = row.assembled?.warnings;
  if (run.options?.includeExplanation !== true) return warnings?.length === 0 ? undefined : warnings;
  const message = `Version ${run.version?.version} of ${run.version?.modelId} cannot be explained by this release`;
  return [...(warnings ?? []), { code: 'explanation_unavailable', message }];
}
