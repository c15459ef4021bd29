import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, RateDecision } from '../access/index.js';
import type { CallContext } from '../prediction/index.js';
import type { Clock } from '../shared/clock.js';
import type { Caller } from '../shared/deadline.js';
import { requestIdPattern } from '../shared/names.js';
import { outgoingTrace, validTraceparent, validTracestate, type TraceHeaders } from '../shared/trace-context.js';
import type { Leave } from './admission.js';

const nobody: Principal = { id: '', clientId: null, scopes: [] };

/** Who waits at the other end of the connection. */
export interface Peer {
  /** It has left before its reply. */
  readonly gone: boolean;
  /** Calls `action` should it leave before its reply. */
  onGone(action: () => void): void;
}

/** The other end of a connection that Node's HTTP server has. */
export class ResponsePeer implements Peer {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get gone(): boolean {
    return this.#response.destroyed && !this.#response.writableFinished;
  }

  onGone(action: () => void): void {
    const response = this.#response;
    response.once('close', () => response.writableFinished || action());
  }
}

export interface ExchangeStart {
  readonly headers: IncomingHttpHeaders;
  readonly peer: Peer;
  /** Monotonic milliseconds. */
  readonly arrivedAt: number;
  /** May give a request that belongs to no trace one of its own. */
  readonly beginTrace?: (() => string | undefined) | undefined;
}

/** One request and its reply, as far as all steps need to know of it. It is the context that a prediction gets. */
export class Exchange implements CallContext, Caller {
  readonly requestId: string;
  /** Monotonic milliseconds when the headers had arrived. */
  readonly arrivedAt: number;
  readonly traceparent?: string;
  principal: Principal = nobody;
  timeoutMs: number | undefined = undefined;
  /** What the rate limit said, for the reply's headers. */
  rate: RateDecision | undefined = undefined;
  /** The origin that may read the reply, where CORS allows it. */
  corsOrigin: string | undefined = undefined;
  /** Replies differ by the caller's origin: caches must know (RFC 9110 section 12.5.5). */
  variesByOrigin = false;
  /** Held from admission until the reply is sent. */
  leave: Leave | undefined = undefined;
  reachedPrediction = false;
  /** Milliseconds of each stage, for Server-Timing. */
  stageMs: Readonly<Record<string, number>> | undefined = undefined;
  readonly #peer: Peer;
  readonly #hasSpan: boolean;
  readonly #tracestate: string | string[] | undefined = undefined;
  #cancel: AbortController | undefined = undefined;

  constructor({ headers, peer, arrivedAt, beginTrace }: ExchangeStart) {
    this.requestId = requestIdOf(headers);
    this.arrivedAt = arrivedAt;
    this.#hasSpan = beginTrace !== undefined;
    const callers = validTraceparent(headers['traceparent']);
    if (callers !== undefined) this.#tracestate = headers['tracestate'];
    const traceparent = callers ?? beginTrace?.();
    if (traceparent !== undefined) this.traceparent = traceparent;
    this.#peer = peer;
  }

  get caller(): Caller {
    return this;
  }

  /** For calls that leave on behalf of this request. */
  get trace(): TraceHeaders | undefined {
    const { requestId, traceparent } = this;
    const tracestate = validTracestate(this.#tracestate);
    return outgoingTrace({ requestId, traceparent, tracestate, hasSpan: this.#hasSpan });
  }

  /** The client has left before its reply. */
  get gone(): boolean {
    return this.#peer.gone;
  }

  /** Aborts when the client goes away before its reply. Made when first read: most requests never need it. */
  get cancel(): AbortSignal {
    if (this.#cancel === undefined) {
      const controller = new AbortController();
      if (this.gone) controller.abort();
      else this.#peer.onGone(() => controller.abort());
      this.#cancel = controller;
    }
    return this.#cancel.signal;
  }
}

/** The exchange of a request that Node's HTTP server has read the head of, now. */
export function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  { clock, beginTrace }: Pick<ExchangeStart, 'beginTrace'> & { readonly clock: Clock },
): Exchange {
  const { headers } = request;
  return new Exchange({ headers, peer: new ResponsePeer(response), arrivedAt: clock.monotonic(), beginTrace });
}

/** The caller's X-Request-Id where it is harmless, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const id = headers['x-request-id'];
  return typeof id === 'string' && requestIdPattern.test(id) ? id : randomUUID();
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
}
