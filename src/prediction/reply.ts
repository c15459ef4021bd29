import { isoTimestamp } from '../shared/timestamp.js';
import { isCached } from './assembled-row.js';
import type { PredictionRun, RowRun } from './prediction-run.js';
import type { BatchReply, BatchResult, PredictionReply, Warning } from './types.js';

/** The reply of a single prediction whose row succeeded. */
export function predictionReply(run: PredictionRun, timestampMs: number): PredictionReply {
  const row = run.rows[0];
  if (row?.result === undefined) throw new Error('A reply was asked for without a prediction');
  const warnings = warningsOf(run, row);
  return {
    request_id: run.call.requestId,
    ...modelOf(run),
    prediction: row.result.prediction,
    confidence: row.result.confidence,
    latency_ms: run.latencyMs,
    timestamp: isoTimestamp(timestampMs),
    cached: row.assembled !== undefined && isCached(row.assembled),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** The reply of a batch, whatever became of its rows. */
export function batchReply(run: PredictionRun, timestampMs: number): BatchReply {
  return {
    request_id: run.call.requestId,
    ...modelOf(run),
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
  const warnings = warningsOf(run, row);
  return {
    index,
    prediction: row.result.prediction,
    confidence: row.result.confidence,
    cached: row.assembled !== undefined && isCached(row.assembled),
    ...(warnings.length > 0 && { warnings }),
  };
}

function modelOf(run: PredictionRun) {
  if (run.version === undefined) throw new Error('A reply was asked for without a model');
  return { model_id: run.version.modelId, model_version: run.version.version };
}

function warningsOf(run: PredictionRun, row: RowRun): readonly Warning[] {
  const warnings = row.assembled?.warnings ?? [];
  if (run.options?.includeExplanation !== true) return warnings;
  const message = `Version ${run.version?.version} of ${run.version?.modelId} cannot be explained by this release`;
  return [...warnings, { code: 'explanation_unavailable', message }];
}
