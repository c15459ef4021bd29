import type { FinishedRequest } from '../prediction/index.js';
import { lastText } from '../shared/flat-text.js';
import { isoTimestamp } from '../shared/timestamp.js';
import { redactText } from './redacted-text.js';
import { traceIdOf } from './trace-id.js';

/**
 * The log line of a prediction that succeeded, in the specification's shape, by template: pino's own way to the same line
 * costs more than a small model's run (docs/performance.md). Every text in it is of our own alphabet (request ids, model
 * ids and versions are checked by pattern), but for the client's label, which may be a token's subject.
 */
export function predictionLine(request: FinishedRequest): string {
  const { requestId, modelId, modelVersion, cacheHit, clientId } = request;
  const traceId = traceIdOf(request.traceparent);
  const trace = traceId === undefined ? '' : `,"trace_id":"${traceId}"`;
  const rows = request.kind === 'batch' ? `,"rows":${request.rows.length}` : '';
  const opening = openingOf(Date.now(), undefined);
  return `${opening}${requestId}${modelOf(modelId, modelVersion)}${request.latencyMs}${rows}${callerOf(cacheHit, clientId)}${trace}}\n`;
}

// A line in few pieces costs a third of one in many, which V8 has to bring together.
const openingOf = lastText(
  (now: number) =>
    `{"level":"INFO","timestamp":"${isoTimestamp(now)}","message":"Prediction completed successfully","request_id":"`,
);
const modelOf = lastText(
  (modelId: string | null, version: string | null) =>
    `","model_id":"${modelId}","model_version":"${version}","latency_ms":`,
);
const callerOf = lastText((cacheHit: boolean, clientId: string | null) => {
  const client = clientId === null ? '' : `,"client_id":${JSON.stringify(redactText(clientId))}`;
  return `,"cache_hit":${cacheHit}${client}`;
});
