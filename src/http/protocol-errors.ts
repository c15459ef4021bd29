import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { errorReply } from './error-body.js';
import { ProtocolError } from './error-status.js';
import { requestIdOf } from './exchange.js';
import type { HttpObserver, ProtocolErrorReason } from './observer.js';
import type { ReplyContent } from './reply-content.js';
import { errorHeaders, standardHeaders, type HeaderPolicy } from './reply-headers.js';

export interface ProtocolErrorParts {
  readonly clock: Clock;
  readonly observer: HttpObserver;
  readonly policy: HeaderPolicy;
}

/** What Node keeps on a connection's socket while a request is on it. Not in its documentation; protocol-errors.test.ts holds it to this. */
interface ConnectionState {
  readonly _httpMessage?: ServerResponse | null;
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null;
}

/**
 * Answers what never becomes a request in the service's own words: what the parser refuses, requests that arrive too slowly,
 * CONNECT, and an Expect that nobody can meet. Node's own answers to these have no body.
 */
export class ProtocolErrors {
  readonly #parts: ProtocolErrorParts;

  constructor(parts: ProtocolErrorParts) {
    this.#parts = parts;
  }

  attach(server: Server): void {
    const { observer } = this.#parts;
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      this.#refuseExpectation(request, response);
    });
    server.on('connect', (request: IncomingMessage, socket: Duplex) => this.#refuseConnect(request, socket));
    server.on('drop', () => observer.connectionRefused());
  }

  /** For 'clientError': the connection cannot go on, but its client is told why where it still listens. */
  readonly answerClientError = (error: Error & { readonly code?: string }, socket: Socket): void => {
    const { reason, refusal } = classify(error.code ?? '');
    this.#parts.observer.protocolError(reason);
    if (refusal === undefined) socket.destroy();
    else if (awaitsAnswer(socket)) this.#end(socket, refusal, randomUUID());
    else destroyAfterReply(socket);
  };

  #refuseExpectation(request: IncomingMessage, response: ServerResponse): void {
    this.#parts.observer.protocolError('malformed');
    const error = new ProtocolError(417, 'The only Expect that is met is 100-continue');
    const requestId = requestIdOf(request.headers);
    const content = this.#content(error, requestId, request.headers.accept);
    // Its body may never come.
    response.writeHead(content.status, { ...this.#headers(error, content, requestId), connection: 'close' });
    response.end(content.body);
  }

  #refuseConnect(request: IncomingMessage, socket: Duplex): void {
    this.#parts.observer.protocolError('connect');
    const error = new ServiceError('METHOD_NOT_ALLOWED', 'This is no proxy', { details: { allow: 'GET, HEAD, POST' } });
    socket.on('error', () => socket.destroy());
    this.#end(socket, error, requestIdOf(request.headers));
  }

  #end(socket: Duplex, error: ServiceError, requestId: string): void {
    const content = this.#content(error, requestId, undefined);
    socket.end(rawReply(content, { ...this.#headers(error, content, requestId), connection: 'close' }), () => {
      socket.destroy();
    });
  }

  #content(error: ServiceError, requestId: string, accept: string | undefined): ReplyContent {
    return errorReply(error, { requestId, accept, timestampMs: this.#parts.clock.now() });
  }

  #headers(error: ServiceError, content: ReplyContent, requestId: string): Record<string, string> {
    const length = String(Buffer.byteLength(content.body));
    return {
      ...standardHeaders(requestId, content, this.#parts.policy),
      ...errorHeaders(error),
      'content-length': length,
    };
  }
}

function classify(code: string): { readonly reason: ProtocolErrorReason; readonly refusal?: ServiceError } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { reason: 'timeout', refusal: new ProtocolError(408, 'The request took too long to arrive') };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { reason: 'header_too_large', refusal: new ProtocolError(431, 'The headers are larger than the limit') };
  }
  if (code.startsWith('HPE_')) {
    return { reason: 'malformed', refusal: new ServiceError('INVALID_REQUEST', 'The request is not valid HTTP/1.1') };
  }
  // Nobody is there who would understand an answer.
  return { reason: /^ERR_(SSL|TLS)_/.test(code) ? 'tls' : 'connection_lost' };
}

/**
 * Whether an answer written now would be taken for the answer to what is wrong: not when the reply to an earlier request of
 * the connection is under way or still owed, and not when the reply has overtaken its own request's body.
 */
function awaitsAnswer(socket: Socket): boolean {
  if (!socket.writable) return false;
  const { _httpMessage: response, parser } = socket as ConnectionState;
  const incoming = parser?.incoming ?? undefined;
  if (!response) return incoming === undefined || incoming.complete;
  return !response.headersSent && !response.req.complete;
}

/** The reply to an earlier request of the connection is still given, where that request had come whole. */
function destroyAfterReply(socket: Socket): void {
  const { _httpMessage: response } = socket as ConnectionState;
  if (response?.req.complete !== true || response.writableFinished) socket.destroy();
  else response.once('close', () => socket.destroy()).once('finish', () => socket.destroySoon());
}

function rawReply({ status, body }: ReplyContent, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${body.toString()}`;
}
