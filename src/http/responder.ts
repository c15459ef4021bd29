import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../shared/clock.js';
import type { ServiceError } from '../shared/errors.js';
import { errorReply } from './error-body.js';
import type { FinishedHttpRequest, HttpObserver } from './observer.js';
import type { ReplyContent } from './reply-content.js';
import { errorHeaders, exchangeHeaders, standardHeaders, type HeaderPolicy } from './reply-headers.js';
import { afterUnreadBody } from './unread-body.js';
import { toReplyError } from './framework-errors.js';

export interface ResponderParts {
  readonly clock: Clock;
  readonly observer: HttpObserver;
  readonly policy: HeaderPolicy;
}

const commonMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/** Paths without parameters that are worth knowing without asking Fastify, which makes an object to answer. */
const hotRoutes: ReadonlySet<string> = new Set(['/v1/predict', '/v1/predict/batch']);

/** The one place where replies are sent: headers, the place in admission given back, the observer told. No hook does any of it. */
export class Responder {
  /** Connections are closed after their reply, so that clients go elsewhere. */
  draining = false;
  readonly #parts: ResponderParts;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  send(request: FastifyRequest, reply: FastifyReply, content: ReplyContent): void {
    this.#send(request, reply, { content, error: undefined });
  }

  /** Answers anything thrown with the error that may be told of it. */
  error(request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
    const error = toReplyError(thrown);
    const { accept } = request.headers;
    const { requestId } = request.exchange;
    const openInference = request.raw.url?.startsWith('/v2/') === true;
    const content = errorReply(error, { requestId, accept, openInference, timestampMs: this.#parts.clock.now() });
    // The body of an error depends on Accept; with CORS all replies depend on Origin too.
    const vary = reply.hasHeader('vary') ? 'Origin, Accept' : 'Accept';
    reply.header('vary', vary).headers(errorHeaders(error));
    this.#send(request, reply, { content, error });
  }

  #send(
    request: FastifyRequest,
    reply: FastifyReply,
    { content, error }: { readonly content: ReplyContent; readonly error: ServiceError | undefined },
  ): void {
    const { exchange } = request;
    const { clock, policy } = this.#parts;
    const durationMs = clock.monotonic() - exchange.arrivedAt;
    const clientGone = reply.raw.destroyed;
    if (this.draining) reply.header('connection', 'close');
    reply
      .code(content.status)
      .headers(standardHeaders(exchange.requestId, content, policy))
      .headers(exchangeHeaders(exchange, durationMs, policy));
    if (request.raw.complete || !closesConnection(request, reply)) reply.send(content.body);
    else afterUnreadBody(request.raw, () => void reply.send(content.body));
    exchange.leave?.();
    exchange.leave = undefined;
    this.#tell(request, { status: content.status, error, durationMs, clientGone });
  }

  #tell(
    request: FastifyRequest,
    outcome: Pick<FinishedHttpRequest, 'status' | 'error' | 'durationMs' | 'clientGone'>,
  ): void {
    const { exchange } = request;
    // No spread: written out, the object costs a twentieth.
    this.#parts.observer.requestFinished({
      status: outcome.status,
      error: outcome.error,
      durationMs: outcome.durationMs,
      clientGone: outcome.clientGone,
      requestId: exchange.requestId,
      route: routeOf(request),
      method: commonMethods.has(request.method) ? request.method : 'other',
      clientId: exchange.principal.clientId,
      traceparent: exchange.traceparent,
      reachedPrediction: exchange.reachedPrediction,
    });
  }
}

function closesConnection(request: FastifyRequest, reply: FastifyReply): boolean {
  return reply.getHeader('connection') === 'close' || !reply.raw.shouldKeepAlive || request.raw.httpVersionMinor === 0;
}

function routeOf(request: FastifyRequest): string {
  const { url = '' } = request.raw;
  if (hotRoutes.has(url) && !request.is404) return url;
  return request.routeOptions.url ?? 'unmatched';
}
