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
/** Longer heads are not remembered, nor more of them: what is held for callers stays small. */
const longestKept = 1024;
const mostKept = 512;

/** A token, a colon, and visible ASCII with spaces (RFC 9110 sections 5.5 and 5.6.2: no tabs, no obs-text, no folding). */
const headerLine = /([!#$%&'*+\-.^_`|~\dA-Za-z]+):([ -~]*)\r\n/y;
const needed = ['host', 'content-type', 'content-length'];
/** What changes how a request is framed or answered. Node's parser takes `proxy-connection` for `connection`. */
const unusual = new Set('transfer-encoding content-encoding expect upgrade proxy-connection trailer te'.split(' '));
const digits = /^\d{1,9}$/;
const plainJson = /^application\/json(?:; ?charset=utf-8)?$/i;
const keepAlive = /^keep-alive$/i;

/**
 * Reads requests. Canonical is `POST /v1/predict HTTP/1.1` with one Host, plain JSON, one Content-Length of digits up
 * to `maxBody` and the lane's own limit, no header twice, none of those in `unusual`, and no Connection but keep-alive. What is anything
 * else is left to Node's parser.
 */
export class RequestReader {
  readonly #maxBody: number;
  /** Heads seen before: most callers send one that differs in nothing but its length, and to take it apart costs more than all the rest here. */
  readonly #heads = new Map<string, IncomingHttpHeaders>();

  constructor(maxBody: number) {
    this.#maxBody = Math.min(maxBody, largestBody);
  }

  /** The request at the start of `bytes`. */
  read(bytes: Buffer): Reading {
    const known = Math.min(bytes.length, requestLine.length);
    if (bytes.compare(requestLine, 0, known, 0, known) !== 0) return 'other';
    const end = bytes.indexOf(headEnd, requestLine.length - 2);
    if (end === -1 && bytes.length <= largestHead) return bytes.length + 1;
    if (end === -1 || end > largestHead) return 'other';
    const headers = this.#headersOf(bytes.toString('latin1', requestLine.length, end + 2));
    if (headers === undefined) return 'other';
    const start = end + headEnd.length;
    const length = start + Number(headers['content-length']);
    if (length - start > this.#maxBody) return 'other';
    return bytes.length < length ? length : { headers, body: bytes.subarray(start, length), length };
  }

  #headersOf(head: string): IncomingHttpHeaders | undefined {
    const known = this.#heads.get(head);
    if (known !== undefined) return known;
    const headers = readHeaders(head);
    if (headers === undefined || head.length > longestKept) return headers;
    // Callers that give each request an id of its own fill it with heads that never come again.
    if (this.#heads.size >= mostKept) this.#heads.clear();
    this.#heads.set(head, headers);
    return headers;
  }
}

function readHeaders(head: string): IncomingHttpHeaders | undefined {
  const headers: Record<string, string> = {};
  headerLine.lastIndex = 0;
  for (let count = 0; headerLine.lastIndex < head.length; count++) {
    const match = headerLine.exec(head);
    if (match === null || count === mostHeaders) return undefined;
    const name = (match[1] as string).toLowerCase();
    const value = (match[2] as string).trim();
    // A second one, or a name that every object has.
    if (name in headers || !isCanonical(name, value)) return undefined;
    headers[name] = value;
  }
  return needed.every((name) => headers[name] !== undefined) ? headers : undefined;
}

function isCanonical(name: string, value: string): boolean {
  if (name === 'content-length') return digits.test(value);
  if (name === 'content-type') return plainJson.test(value);
  if (name === 'connection') return keepAlive.test(value);
  return !unusual.has(name);
}
