import type { FinishedHttpRequest, HttpObserver } from '../http/index.js';
import type { ServiceError } from '../shared/errors.js';
import type { Logger } from './logger.js';
import type { CounterCell } from './instruments/counter.js';
import type { Instruments } from './metrics.js';
import { loggedMessage, loggedProblems } from './refusal.js';
import { traceIdOf } from './trace-id.js';

/** Counts every HTTP request, and logs those that no other observer tells of. */
export function httpObserver(instruments: Instruments, logger: Logger): HttpObserver {
  const { httpProtocolErrors, connectionsRefused } = instruments;
  const counted = lastCell(instruments);
  return {
    requestFinished: (request) => {
      counted(request).inc();
      requestFinished(instruments, logger, request);
    },
    protocolError: (reason) => {
      httpProtocolErrors.inc({ reason });
      logger.debug({ reason }, 'What came was no HTTP request');
    },
    connectionRefused: () => connectionsRefused.inc(),
    certificateReloaded: () => logger.info('The TLS certificate was read again'),
    certificateRefused: (reason) =>
      logger.error({ reason }, 'The new TLS certificate is not usable; the old one stays'),
  };
}

/** The series that a request counts in; mostly that of the one before. */
function lastCell({ httpRequests }: Instruments): (request: FinishedHttpRequest) => CounterCell {
  let last = { route: '', method: '', status: 0 };
  let cell: CounterCell | undefined;
  return ({ route, method, status }) => {
    if (cell === undefined || route !== last.route || status !== last.status || method !== last.method) {
      last = { route, method, status };
      cell = httpRequests.of({ route, method, status: String(status) });
    }
    return cell;
  };
}

function requestFinished(instruments: Instruments, logger: Logger, request: FinishedHttpRequest): void {
  const { route, error, reachedPrediction } = request;
  // The pipeline has counted and logged what reached it.
  if (reachedPrediction) return;
  if (error !== undefined) instruments.errors.inc({ error_code: error.code });
  if (route.startsWith('/v1/predict')) {
    instruments.requests.inc({ model_id: '_unresolved', status: 'error', cache_hit: 'false' });
  }
  const level = levelOf(error);
  if (logger.isLevelEnabled(level)) logger[level](factsOf(request), messageOf(error));
}

/**
 * Admission tells its changes of state and counts what it refuses: a line for each refusal would cost as much as all the rest of it, when
 * there is no time for that.
 */
function levelOf(error: ServiceError | undefined): 'debug' | 'info' | 'error' {
  if (error === undefined || error.code === 'SERVICE_UNAVAILABLE') return 'debug';
  return error.code === 'INTERNAL_ERROR' ? 'error' : 'info';
}

function messageOf(error: ServiceError | undefined): string {
  if (error === undefined) return 'Request completed';
  return error.code === 'INTERNAL_ERROR' ? 'Request failed' : `Request refused: ${loggedMessage(error)}`;
}

function factsOf(request: FinishedHttpRequest): object {
  const { error } = request;
  return {
    request_id: request.requestId,
    method: request.method,
    route: request.route,
    status: request.status,
    error_code: error?.code,
    latency_ms: Math.round(request.durationMs * 1000) / 1000,
    client_id: request.clientId,
    trace_id: traceIdOf(request.traceparent),
    client_gone: request.clientGone || undefined,
    problems: error === undefined ? undefined : loggedProblems(error),
    ...(error?.code === 'INTERNAL_ERROR' && { err: error.cause ?? error }),
  };
}
