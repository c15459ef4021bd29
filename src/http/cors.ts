import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange } from './exchange.js';

const preflightHeaders = {
  'access-control-allow-methods': 'GET, HEAD, POST',
  'access-control-allow-headers':
    'Authorization, Content-Type, X-API-Key, X-Request-Id, X-Request-Timeout-Ms, traceparent, tracestate',
  'access-control-max-age': '600',
};

/** Lets pages of the listed origins read replies (Fetch standard, CORS protocol). With no origin listed it is not installed. */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Marks the exchange so that its reply may be read. True: this is a preflight, to be answered with nothing else. */
  admit(exchange: Exchange, request: IncomingMessage, response: ServerResponse): boolean {
    const { origin } = request.headers;
    exchange.variesByOrigin = true;
    if (origin === undefined || !(this.#origins.has(origin) || this.#origins.has('*'))) return false;
    exchange.corsOrigin = origin;
    const isPreflight = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers;
    if (isPreflight) response.setHeaders(new Headers(preflightHeaders));
    return isPreflight;
  }
}
