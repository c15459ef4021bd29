import type { FinishedRequest } from '../prediction/index.js';
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
  const client = request.clientId === null ? '' : `,"client_id":${clientText(request.clientId)}`;
  const trace = traceId === undefined ? '' : `,"trace_id":"${traceId}"`;
  const rows = request.kind === 'batch' ? `,"rows":${request.rows.length}` : '';
  return (
    `{"level":"INFO","timestamp":"${isoTimestamp(Date.now())}","message":"Prediction completed successfully"` +
    `,"request_id":"${request.requestId}","model_id":"${request.modelId}","model_version":"${request.modelVersion}"` +
    `,"latency_ms":${request.latencyMs},"cache_hit":${request.cacheHit}${rows}${client}${trace}}\n`
  );
}

let lastClient = '';
let lastText = '""';

/** As JSON. Kept for the next line: the same caller mostly calls again. */
function clientText(client: string): string {
  if (client !== lastClient) {
    lastText = JSON.stringify(redactText(client));
    lastClient = client;
  }
  return lastText;
}
