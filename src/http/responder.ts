import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../shared/clock.js';
import type { ServiceError } from '../shared/errors.js';
import { errorReply } from './error-body.js';
import type { Exchange } from './exchange.js';
import { takeOver, type HttpCall } from './http-call.js';
import type { FinishedHttpRequest, HttpObserver } from './observer.js';
import type { ReplyContent } from './reply-content.js';
import { addExchangeHeaders, errorHeaders, standardHeaders, type HeaderPolicy } from './reply-headers.js';
import { afterUnreadBody } from './unread-body.js';
import { toReplyError } from './framework-errors.js';

export interface ResponderParts {
  readonly clock: Clock;
  readonly observer: HttpObserver;
  readonly policy: HeaderPolicy;
}

const commonMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/** The one place where replies are sent: headers, the place in admission given back, the observer told. No hook does any of it. */
export class Responder {
  /** Connections are closed after their reply, so that clients go elsewhere. */
  draining = false;
  readonly #parts: ResponderParts;

  constructor(parts: ResponderParts) {
    this.#parts = parts;
  }

  /** To a request that came by way of Fastify. */
  send(request: FastifyRequest, reply: FastifyReply, content: ReplyContent): void {
    this.reply(takeOver(request, reply), content);
  }

  error(request: FastifyRequest, reply: FastifyReply, thrown: unknown): void {
    this.refuse(takeOver(request, reply), thrown);
  }

  reply(call: HttpCall, content: ReplyContent): void {
    this.#send(call, { content, error: undefined });
  }

  /** Answers anything thrown with the error that may be told of it. */
  refuse(call: HttpCall, thrown: unknown): void {
    const openInference = call.request.url?.startsWith('/v2/') === true;
    const { accept } = call.headers;
    this.#send(call, this.failure(call.exchange, { thrown, accept, openInference }));
  }

  /** What is told of anything thrown. */
  failure({ requestId }: Exchange, { thrown, ...occasion }: Failure): Answer {
    const error = toReplyError(thrown);
    const timestampMs = this.#parts.clock.now();
    return { error, content: errorReply(error, { requestId, timestampMs, ...occasion }) };
  }

  /** All headers of a reply but those of its framing. */
  headersOf(
    exchange: Exchange,
    { content, error, durationMs }: Answer & { readonly durationMs: number },
  ): Record<string, string> {
    const { policy } = this.#parts;
    const headers = standardHeaders(exchange.requestId, content, policy);
    if (exchange.variesByOrigin) headers['vary'] = 'Origin';
    if (error !== undefined) {
      headers['vary'] = exchange.variesByOrigin ? 'Origin, Accept' : 'Accept';
      Object.assign(headers, errorHeaders(error));
    }
    addExchangeHeaders(headers, exchange, { durationMs, policy });
    return headers;
  }

  /** The reply is on its way: gives the place in admission back and tells the observer. */
  end(exchange: Exchange, outcome: Outcome): void {
    exchange.leave?.();
    exchange.leave = undefined;
    // No spread: written out, the object costs a twentieth.
    this.#parts.observer.requestFinished({
      status: outcome.status,
      error: outcome.error,
      durationMs: outcome.durationMs,
      clientGone: outcome.clientGone,
      requestId: exchange.requestId,
      route: outcome.route,
      method: outcome.method,
      clientId: exchange.principal.clientId,
      traceparent: exchange.traceparent,
      reachedPrediction: exchange.reachedPrediction,
    });
  }

  #send(call: HttpCall, { content, error }: Answer): void {
    const { exchange, request, response, route } = call;
    const durationMs = this.#parts.clock.monotonic() - exchange.arrivedAt;
    const clientGone = response.destroyed;
    const headers = this.headersOf(exchange, { content, error, durationMs });
    // Whoever sends more than is read does not know that the rest is thrown away.
    if (this.draining || error?.code === 'PAYLOAD_TOO_LARGE') headers['connection'] = 'close';
    if (request.complete || !closesConnection(response, headers)) write(response, headers, content);
    else afterUnreadBody(request, () => write(response, headers, content));
    const method = commonMethods.has(request.method ?? '') ? (request.method as string) : 'other';
    this.end(exchange, { status: content.status, error, durationMs, clientGone, route, method });
  }
}

/** What is to be told of a failure, and to whom. */
export interface Failure {
  readonly thrown: unknown;
  /** The caller's Accept header. */
  readonly accept: string | undefined;
  readonly openInference?: boolean;
}

/** What is sent. */
export interface Answer {
  readonly content: ReplyContent;
  /** What `content` tells of, where it tells of a failure. */
  readonly error: ServiceError | undefined;
}

type Outcome = Pick<FinishedHttpRequest, 'status' | 'error' | 'durationMs' | 'clientGone' | 'route' | 'method'>;

function closesConnection(response: ServerResponse, headers: Readonly<Record<string, string>>): boolean {
  return headers['connection'] === 'close' || !response.shouldKeepAlive || response.req.httpVersionMinor === 0;
}

/** Past Fastify's reply, which would look at each header and at the body once more. */
function write(response: ServerResponse, headers: Record<string, string>, { status, body }: ReplyContent): void {
  const length = Buffer.byteLength(body);
  if (status !== 204) headers['content-length'] = String(length);
  response.writeHead(status, headers);
  const { socket } = response;
  if (socket === null || length === 0) return void response.end(body);
  // `end(body)` would hand an empty text on behind it, and the two to the system as a list, which costs a microsecond more.
  socket.cork();
  // Of a text that is all ASCII each character is its byte, which saves the search for others.
  response.write(body, length === body.length ? 'latin1' : 'utf8');
  socket.uncork();
  response.end();
}
