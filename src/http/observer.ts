import type { ServiceError } from '../shared/errors.js';

/** One HTTP request that was answered. */
export interface FinishedHttpRequest {
  readonly requestId: string;
  /** The API's path, as `/v1/models/:model_id`; `unmatched` where there is none: bounded, fit for a label. */
  readonly route: string;
  /** `other` for methods that no route has. */
  readonly method: string;
  readonly status: number;
  /** What was answered; its `cause` is what really happened. */
  readonly error: ServiceError | undefined;
  /** Milliseconds from arrival of the headers to the reply. */
  readonly durationMs: number;
  readonly clientId: string | null;
  readonly traceparent: string | undefined;
  /** The prediction service was asked, so its own observer has been told of this request as well. */
  readonly reachedPrediction: boolean;
  /** The client had left before the reply: nobody read it. */
  readonly clientGone: boolean;
}

/** Told of what happens at the edge. */
export interface HttpObserver {
  /** Once for every request that Fastify gets, when its reply is handed to the socket. What HTTP itself refuses is `protocolError` alone. */
  requestFinished(request: FinishedHttpRequest): void;
  /** The HTTP or TLS layer refused what came before it was a request. `reason` is a word of a closed set. */
  protocolError(reason: ProtocolErrorReason): void;
  /** A connection beyond `max_connections` was closed unread. */
  connectionRefused(): void;
  certificateReloaded(): void;
  /** The new files are no usable pair: the old one stays. */
  certificateRefused(reason: string): void;
}

export type ProtocolErrorReason = 'malformed' | 'header_too_large' | 'timeout' | 'connection_lost' | 'connect' | 'tls';
