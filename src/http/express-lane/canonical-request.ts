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
/** What may become one, or the end of the head. */
const begunLine = /(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+(?::[ -~]*\r?)?|\r)?$/y;
/** What changes how a request is framed or answered. Node's parser takes `proxy-connection` for `connection`. */
const unusual = new Set('transfer-encoding content-encoding expect upgrade proxy-connection trailer te'.split(' '));
const digits = /^\d{1,9}$/;
const plainJson = /^application\/json(?:; ?charset=utf-8)?$/i;
const keepAlive = /^keep-alive$/i;

/**
 * Reads the request at the start of `bytes`. Canonical is `POST /v1/predict HTTP/1.1` with one Host, plain JSON, one Content-Length of
 * digits up to `maxBody` and the lane's own limit, no header twice, none of those in `unusual`, and no Connection but keep-alive. What is
 * anything else is left to Node's parser, as soon as that could see it.
 */
export function readRequest(bytes: Buffer, maxBody: number): Reading {
  const known = Math.min(bytes.length, requestLine.length);
  if (bytes.compare(requestLine, 0, known, 0, known) !== 0) return 'other';
  const end = bytes.indexOf(headEnd, requestLine.length - 2);
  if ((end === -1 ? bytes.length : end) > largestHead) return 'other';
  const headers = readHeaders(bytes.toString('latin1', requestLine.length, end === -1 ? undefined : end + 2));
  if (headers === undefined) return 'other';
  if (end === -1) return bytes.length + 1;
  const { host, 'content-type': contentType, 'content-length': contentLength } = headers;
  if (host === undefined || contentType === undefined || contentLength === undefined) return 'other';
  const size = Number(contentLength);
  if (size > maxBody || size > largestBody) return 'other';
  const start = end + headEnd.length;
  const length = start + size;
  return bytes.length < length ? length : { headers, body: bytes.subarray(start, length), length };
}

/** The headers of a head, or of as much of it as there is; undefined where one of them is not canonical. */
function readHeaders(text: string): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = {};
  let at = 0;
  for (let count = 0; at < text.length; count++) {
    headerLine.lastIndex = at;
    const match = headerLine.exec(text);
    if (match === null) return isBegun(text, at) ? headers : undefined;
    const name = (match[1] as string).toLowerCase();
    const value = (match[2] as string).trim();
    // A second one, or a name that every object has.
    if (name in headers || count === mostHeaders || !isCanonical(name, value)) return undefined;
    headers[name] = value;
    at = headerLine.lastIndex;
  }
  return headers;
}

function isBegun(text: string, at: number): boolean {
  begunLine.lastIndex = at;
  return begunLine.test(text);
}

function isCanonical(name: string, value: string): boolean {
  if (name === 'content-length') return digits.test(value);
  if (name === 'content-type') return plainJson.test(value);
  if (name === 'connection') return keepAlive.test(value);
  return !unusual.has(name);
}
