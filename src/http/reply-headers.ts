import type { RateDecision } from '../access/index.js';
import type { ServiceError } from '../shared/errors.js';
import type { Exchange } from './exchange.js';
import type { ReplyContent } from './reply-content.js';

/** What the settings say about the headers of all replies. */
export interface HeaderPolicy {
  /** The service is reached by TLS, here or in front. */
  readonly strictTransport: boolean;
  readonly serverTiming: boolean;
}

type Headers = Record<string, string>;

const apiContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
const windowSeconds = 60;

/** The headers that every reply has, also those that are written straight to a socket (OWASP REST security). */
export function standardHeaders(requestId: string, content: ReplyContent, policy: HeaderPolicy): Headers {
  const headers: Headers = {
    'content-type': content.contentType,
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    'cache-control': content.cacheControl ?? 'no-store',
    'content-security-policy': content.contentSecurityPolicy ?? apiContentSecurityPolicy,
  };
  if (policy.strictTransport) headers['strict-transport-security'] = 'max-age=31536000';
  return headers;
}

/** The headers that an error has beside the standard ones. */
export function errorHeaders(error: ServiceError): Headers {
  const headers: Headers = {};
  if (error.code === 'UNAUTHORIZED') headers['www-authenticate'] = 'Bearer realm="inference-service"';
  if (error.code === 'METHOD_NOT_ALLOWED') headers['allow'] = String(error.details['allow']);
  if (error.code === 'RATE_LIMIT_EXCEEDED' || error.code === 'SERVICE_UNAVAILABLE') {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds ?? 1)));
  }
  return headers;
}

/** Adds what the rate limit, CORS and Server-Timing say. */
export function addExchangeHeaders(
  headers: Headers,
  exchange: Exchange,
  { durationMs, policy }: { readonly durationMs: number; readonly policy: HeaderPolicy },
): void {
  if (exchange.rate !== undefined) addRate(headers, exchange.rate);
  if (exchange.corsOrigin !== undefined) {
    headers['access-control-allow-origin'] = exchange.corsOrigin;
    headers['access-control-expose-headers'] = 'X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Server-Timing';
  }
  if (policy.serverTiming) headers['server-timing'] = serverTiming(exchange, durationMs);
}

/** draft-ietf-httpapi-ratelimit-headers-10, and the older X- trio. */
function addRate(headers: Headers, rate: RateDecision): void {
  if (rate.limit === null) return;
  headers['ratelimit-policy'] = `"default";q=${rate.limit};w=${windowSeconds}`;
  headers['ratelimit'] = `"default";r=${rate.remaining};t=${rate.resetSeconds}`;
  headers['x-ratelimit-limit'] = String(rate.limit);
  headers['x-ratelimit-remaining'] = String(rate.remaining);
  headers['x-ratelimit-reset'] = String(rate.resetSeconds);
}

function serverTiming(exchange: Exchange, durationMs: number): string {
  const stages = Object.entries({ ...exchange.stageMs, total: durationMs });
  return stages.map(([name, milliseconds]) => `${name};dur=${milliseconds.toFixed(3)}`).join(', ');
}
