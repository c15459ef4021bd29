import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ServiceError, type Problem } from '../shared/errors.js';
import { minTimeoutMs } from '../prediction/index.js';

/**
 * Refuses what Node's parser lets pass but HTTP/1.1 forbids: a missing or second Host (RFC 9112 section 3.2), a request line without
 * version. Upgrade is ignored, as RFC 9110 section 7.8 allows: common clients offer h2c with every request.
 */
export function checkRequest(request: IncomingMessage): ServiceError | undefined {
  if (request.httpVersionMajor !== 1)
    return new ServiceError('INVALID_REQUEST', 'Only HTTP/1.1 and HTTP/1.0 are answered');
  const hosts = countHosts(request.rawHeaders);
  if (hosts === 1 || (hosts === 0 && request.httpVersionMinor === 0)) return undefined;
  return new ServiceError('INVALID_REQUEST', 'The request must have exactly one Host header');
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}

/** Refuses a body that is not plain JSON in UTF-8, before it is read. */
export function checkBodyHeaders(headers: IncomingHttpHeaders): ServiceError | undefined {
  if (headers['content-encoding'] !== undefined)
    return unsupported('Content-Encoding is not supported: send the JSON as it is');
  const contentType = headers['content-type'];
  if (contentType === undefined) {
    return hasBody(headers) ? unsupported('Content-Type is missing: send application/json') : undefined;
  }
  return isPlainJson(contentType) ? undefined : unsupported('Content-Type must be application/json, in UTF-8');
}

function unsupported(message: string): ServiceError {
  return new ServiceError('UNSUPPORTED_MEDIA_TYPE', message);
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** application/json without a charset, or with utf-8 (JSON has no other: RFC 8259 section 8.1). */
export function isPlainJson(contentType: string): boolean {
  if (contentType === 'application/json') return true;
  const [mediaType, ...parameters] = contentType.toLowerCase().split(';');
  if (mediaType?.trim() !== 'application/json') return false;
  return parameters.every((parameter) => {
    const text = parameter.trim();
    return !text.startsWith('charset') || /^charset="?utf-8"?$/.test(text);
  });
}

/**
 * The caller's time budget in milliseconds from X-Request-Timeout-Ms, undefined when it gives none.
 * @throws ServiceError INVALID_REQUEST when it is no integer from 100 to `maxTimeoutMs`.
 */
export function requestTimeoutMs(headers: IncomingHttpHeaders, maxTimeoutMs: number): number | undefined {
  const header = headers['x-request-timeout-ms'];
  if (header === undefined) return undefined;
  const value = typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : Number.NaN;
  if (value >= minTimeoutMs && value <= maxTimeoutMs) return value;
  const problem: Problem = {
    path: 'header X-Request-Timeout-Ms',
    problem: Number.isNaN(value) ? 'wrong_type' : 'out_of_range',
    expected: `an integer from ${minTimeoutMs} to ${maxTimeoutMs}`,
  };
  throw new ServiceError('INVALID_REQUEST', 'The header X-Request-Timeout-Ms is not valid', {
    details: { errors: [problem] },
  });
}
