import type { FinishedGrpcCall, GrpcObserver } from '../grpc/index.js';
import type { ServiceError } from '../shared/errors.js';
import type { Logger } from './logger.js';
import type { Instruments } from './metrics.js';
import { loggedMessage } from './refusal.js';
import { traceIdOf } from './trace-id.js';

/** Counts and times every gRPC call, and logs those that no other observer tells of. */
export function grpcObserver({ grpcRequests, grpcSeconds, errors }: Instruments, logger: Logger): GrpcObserver {
  return {
    callFinished: (call) => {
      const { method, code, error, durationMs, reachedPrediction } = call;
      grpcRequests.inc({ method, code });
      grpcSeconds.observe({ method }, durationMs / 1000);
      // The prediction core has counted and logged what reached it.
      if (reachedPrediction) return;
      if (error !== undefined) errors.inc({ error_code: error.code });
      const level = levelOf(error);
      if (logger.isLevelEnabled(level)) logger[level](factsOf(call), messageOf(error));
    },
  };
}

/** As for HTTP: what admission refuses costs no line. */
function levelOf(error: ServiceError | undefined): 'debug' | 'info' | 'error' {
  if (error === undefined || error.code === 'SERVICE_UNAVAILABLE') return 'debug';
  return error.code === 'INTERNAL_ERROR' ? 'error' : 'info';
}

function messageOf(error: ServiceError | undefined): string {
  if (error === undefined) return 'gRPC call completed';
  return error.code === 'INTERNAL_ERROR' ? 'gRPC call failed' : `gRPC call refused: ${loggedMessage(error)}`;
}

function factsOf({ requestId, method, code, error, durationMs, clientId, traceparent }: FinishedGrpcCall): object {
  return {
    ...{ request_id: requestId, method, code, error_code: error?.code, client_id: clientId },
    latency_ms: Math.round(durationMs * 1000) / 1000,
    trace_id: traceIdOf(traceparent),
  };
}
