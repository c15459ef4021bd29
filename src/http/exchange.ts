import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, RateDecision } from '../access/index.js';
import type { CallContext } from '../prediction/index.js';
import type { Caller } from '../shared/deadline.js';
import { requestIdPattern } from '../shared/names.js';
import type { Leave } from './admission.js';
import { validTraceparent } from './trace-parent.js';

const nobody: Principal = { id: '', clientId: null, scopes: [] };

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
  /** Held from admission until the reply is sent. */
  leave: Leave | undefined = undefined;
  reachedPrediction = false;
  /** Milliseconds of each stage, for Server-Timing. */
  stageMs: Readonly<Record<string, number>> | undefined = undefined;
  readonly #response: ServerResponse;
  #cancel: AbortController | undefined = undefined;

  /** `beginTrace` may give a request that belongs to no trace one of its own. */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    arrivedAt: number,
    beginTrace?: () => string | undefined,
  ) {
    this.requestId = requestIdOf(request);
    this.arrivedAt = arrivedAt;
    const traceparent = validTraceparent(request.headers['traceparent']) ?? beginTrace?.();
    if (traceparent !== undefined) this.traceparent = traceparent;
    this.#response = response;
  }

  get caller(): Caller {
    return this;
  }

  /** The client has left before its reply. */
  get gone(): boolean {
    return this.#response.destroyed && !this.#response.writableFinished;
  }

  /** Aborts when the client goes away before its reply. Made when first read: most requests never need it. */
  get cancel(): AbortSignal {
    if (this.#cancel === undefined) {
      const controller = new AbortController();
      const response = this.#response;
      if (this.gone) controller.abort();
      else response.once('close', () => response.writableFinished || controller.abort());
      this.#cancel = controller;
    }
    return this.#cancel.signal;
  }
}

/** The caller's X-Request-Id where it is harmless, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const id = request.headers['x-request-id'];
  return typeof id === 'string' && requestIdPattern.test(id) ? id : randomUUID();
}

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
}
