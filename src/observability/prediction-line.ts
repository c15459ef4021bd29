import type { FinishedRequest } from '../prediction/index.js';
import { flatText } from '../shared/flat-text.js';
import { isoTimestamp } from '../shared/timestamp.js';
import { redactText } from './redacted-text.js';
import { traceIdOf } from './trace-id.js';

/**
 * The log line of a prediction that succeeded, in the specification's shape, by template: pino's own way to the same line
 * costs more than a small model's run (docs/performance.md). Every text in it is of our own alphabet (request ids, model
 * ids and versions are checked by pattern), but for the client's label, which may be a token's subject.
 */
export function predictionLine(request: FinishedRequest): string {
  const traceId = traceIdOf(request.traceparent);
  const trace = traceId === undefined ? '' : `,"trace_id":"${traceId}"`;
  const rows = request.kind === 'batch' ? `,"rows":${request.rows.length}` : '';
  return `${openingOf(Date.now())}${request.requestId}${modelOf(request)}${request.latencyMs}${rows}${callerOf(request)}${trace}}\n`;
}

/*
 * Parts that lines have in common with the one before: of the same millisecond, the same model, the same caller. A line in few pieces costs a
 * third of one in many, which V8 has to bring together.
 */
let openingAt = Number.NaN;
let opening = '';

function openingOf(now: number): string {
  if (now !== openingAt) {
    openingAt = now;
    opening = flatText(
      `{"level":"INFO","timestamp":"${isoTimestamp(now)}","message":"Prediction completed successfully","request_id":"`,
    );
  }
  return opening;
}

const lastModel = { modelId: null as string | null, modelVersion: null as string | null, text: '' };

function modelOf({ modelId, modelVersion }: FinishedRequest): string {
  if (modelId !== lastModel.modelId || modelVersion !== lastModel.modelVersion || lastModel.text === '') {
    lastModel.modelId = modelId;
    lastModel.modelVersion = modelVersion;
    lastModel.text = flatText(`","model_id":"${modelId}","model_version":"${modelVersion}","latency_ms":`);
  }
  return lastModel.text;
}

const lastCaller = { cacheHit: false, clientId: null as string | null, text: '' };

/** The client's label may be a token's subject: as JSON, redacted. */
function callerOf({ cacheHit, clientId }: FinishedRequest): string {
  if (cacheHit !== lastCaller.cacheHit || clientId !== lastCaller.clientId || lastCaller.text === '') {
    const client = clientId === null ? '' : `,"client_id":${JSON.stringify(redactText(clientId))}`;
    lastCaller.cacheHit = cacheHit;
    lastCaller.clientId = clientId;
    lastCaller.text = flatText(`,"cache_hit":${cacheHit}${client}`);
  }
  return lastCaller.text;
}
