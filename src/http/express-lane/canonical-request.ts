import type { IncomingHttpHeaders } from 'node:http';

/** A request in canonical form, whole. */
export interface CanonicalRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Bytes that it takes, with its body. */
  readonly length: number;
}

/** A number: so many bytes must be there before more can be said. `other`: it never becomes a canonical one. */
export type Reading = CanonicalRequest | number | 'other';

const requestLine = Buffer.from('POST /v1/predict HTTP/1.1\r\n');
const headEnd = Buffer.from('\r\n\r\n');
/** Node's own limit is twice this. */
const largestHead = 8192;
/** Beyond, framing is a small part of what a request costs. It also bounds what is held for somebody not yet known. */
const largestBody = 65_536;
/** Node's parser says nothing of those beyond 1000. */
const mostHeaders = 64;

/** A token, a colon, and visible ASCII with spaces (RFC 9110 sections 5.5 and 5.6.2: no tabs, no obs-text, no folding). */
const headerLine = /([!#$%&'*+\-.^_`|~\dA-Za-z]+):([ -~]*)\r\n/y;
const digits = /^\d{1,9}$/;
const plainJson = /^application\/json(?:; ?charset=utf-8)?$/i;
/** What changes how a request is framed or answered. Node's parser takes `proxy-connection` for `connection`. */
const unusual = ['transfer-encoding', 'content-encoding', 'expect', 'upgrade', 'proxy-connection', 'trailer', 'te'];

/**
 * Reads the request at the start of `bytes`. Canonical is `POST /v1/predict HTTP/1.1` with one Host, plain JSON, one Content-Length of
 * digits up to `maxBody` and the lane's own limit, no header twice, none of those in `unusual`, and no Connection but keep-alive. What is
 * anything else is left to Node's parser.
 */
export function readRequest(bytes: Buffer, maxBody: number): Reading {
  const known = Math.min(bytes.length, requestLine.length);
  if (bytes.compare(requestLine, 0, known, 0, known) !== 0) return 'other';
  const end = bytes.indexOf(headEnd, requestLine.length - 2);
  if (end === -1) return bytes.length > largestHead ? 'other' : bytes.length + 1;
  if (end > largestHead) return 'other';
  const headers = readHeaders(bytes.toString('latin1', requestLine.length, end + 2));
  if (headers === undefined) return 'other';
  const size = Number(headers['content-length']);
  if (size > maxBody || size > largestBody) return 'other';
  const start = end + headEnd.length;
  const length = start + size;
  return bytes.length < length ? length : { headers, body: bytes.subarray(start, length), length };
}

function readHeaders(text: string): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = {};
  headerLine.lastIndex = 0;
  for (let count = 0; headerLine.lastIndex < text.length; count++) {
    const match = headerLine.exec(text);
    if (match === null || count === mostHeaders) return undefined;
    const name = (match[1] as string).toLowerCase();
    // A second one, or a name that every object has.
    if (name in headers) return undefined;
    headers[name] = (match[2] as string).trim();
  }
  return isCanonical(headers) ? headers : undefined;
}

function isCanonical(headers: Readonly<Record<string, string>>): boolean {
  const { host, connection } = headers;
  if (host === undefined || !digits.test(headers['content-length'] ?? '')) return false;
  if (!plainJson.test(headers['content-type'] ?? '')) return false;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return false;
  return !unusual.some((name) => name in headers);
}
