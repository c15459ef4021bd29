import type { IncomingHttpHeaders } from 'node:http';

/** A request in canonical form, whole. */
export interface CanonicalRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Bytes that it takes, with its body. */
  readonly length: number;
}

/** `partial`: it may still become one. `other`: it never will. */
export type Reading = CanonicalRequest | 'partial' | 'other';

const requestLine = Buffer.from('POST /v1/predict HTTP/1.1\r\n');
const headEnd = Buffer.from('\r\n\r\n');
/** Node's own limit is twice this. */
const largestHead = 8192;

/** One header: a token, a colon, and a value of visible ASCII (RFC 9110 sections 5.5 and 5.6.2; no obs-text, no tabs inside, no folding). */
const headerLine = /([!#$%&'*+\-.^_`|~\dA-Za-z]+):[ \t]*([!-~](?:[ -~]*[!-~])?)?[ \t]*\r\n/y;
const contentLength = /^\d{1,9}$/;
/** What changes how a request is framed or answered. `proxy-connection` counts as `connection` for Node's parser. */
const unusual = ['transfer-encoding', 'expect', 'upgrade', 'proxy-connection', 'trailer', 'te'];

/**
 * Reads the request at the start of `bytes`. Canonical is `POST /v1/predict HTTP/1.1` with one Host, one Content-Length of digits up to
 * `maxBody`, no header twice, none of those in `unusual`, and no Connection but keep-alive. What is anything else is left to Node's parser.
 */
export function readRequest(bytes: Buffer, maxBody: number): Reading {
  const known = Math.min(bytes.length, requestLine.length);
  if (bytes.compare(requestLine, 0, known, 0, known) !== 0) return 'other';
  const end = bytes.indexOf(headEnd);
  if (end === -1 ? bytes.length > largestHead : end > largestHead) return 'other';
  if (end === -1) return 'partial';
  const headers = readHeaders(bytes.toString('latin1', requestLine.length, end + 2));
  if (headers === undefined) return 'other';
  const size = Number(headers['content-length']);
  if (size > maxBody) return 'other';
  const start = end + headEnd.length;
  const length = start + size;
  if (bytes.length < length) return 'partial';
  return { headers, body: bytes.subarray(start, length), length };
}

function readHeaders(text: string): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = {};
  headerLine.lastIndex = 0;
  while (headerLine.lastIndex < text.length) {
    const match = headerLine.exec(text);
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    // A second one, or a name that every object has.
    if (name in headers) return undefined;
    headers[name] = match[2] ?? '';
  }
  return isCanonical(headers) ? headers : undefined;
}

function isCanonical(headers: Readonly<Record<string, string>>): boolean {
  const { host, connection } = headers;
  if (host === undefined || !contentLength.test(headers['content-length'] ?? '')) return false;
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return false;
  return !unusual.some((name) => name in headers);
}
