import { errors, Pool, type Dispatcher } from 'undici';
import type { Deadline } from '../../../shared/deadline.js';
import { messageOf } from '../../../shared/errors.js';

/** Why a call gave no answer. `unreachable`: nothing was sent, so it may be tried again; after the others it may not. */
export type ServerFaultKind = 'unreachable' | 'timeout' | 'cancelled' | 'broken_off' | 'too_large';

export class ServerFault extends Error {
  override readonly name = 'ServerFault';
  readonly kind: ServerFaultKind;

  constructor(kind: ServerFaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

export interface ServerCall {
  readonly method: 'GET' | 'POST';
  /** Below the server's URL, beginning with a slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Bytes of an answer; a longer one is broken off. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly deadline?: Deadline;
}

export interface ServerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const maxConnections = 64;
const longestConnectMs = 2000;

/** Connections to one model server. Redirects are not followed: only the configuration says where rows are sent. */
export class ServerClient {
  /** Scheme, host and port. */
  readonly server: string;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws TypeError when `url` is none */
  constructor(url: string, headers: Readonly<Record<string, string>>, connectMs: number) {
    const { origin, pathname } = new URL(url);
    this.server = origin;
    this.#prefix = pathname.replace(/\/+$/, '');
    this.#headers = headers;
    this.#pool = new Pool(origin, {
      connections: maxConnections,
      pipelining: 1,
      connect: { timeout: Math.min(connectMs, longestConnectMs) },
    });
  }

  /** @throws ServerFault */
  async call(call: ServerCall): Promise<ServerAnswer> {
    const { deadline, timeoutMs } = call;
    const limit = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
    const signal = deadline === undefined ? limit : AbortSignal.any([limit, deadline.signal]);
    try {
      return await this.#send(call, signal);
    } catch (error) {
      throw faultOf(error, signal, deadline);
    }
  }

  async #send({ method, path, headers, body, maxBytes }: ServerCall, signal: AbortSignal): Promise<ServerAnswer> {
    const response = await this.#pool.request({
      method,
      path: this.#prefix + path,
      headers: { ...this.#headers, ...headers },
      signal,
      // The signal limits the whole; undici's own timers tick by the second.
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(body !== undefined && { body }),
    });
    return { status: response.statusCode, headers: response.headers, body: await readBody(response.body, maxBytes) };
  }

  /** Breaks off what is still under way. */
  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

async function readBody(stream: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop destroys the stream, and the connection with it.
    if (length > maxBytes) throw new ServerFault('too_large', `the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Codes of failures that came before a byte of the request was sent. */
const unsent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function faultOf(error: unknown, signal: AbortSignal, deadline: Deadline | undefined): ServerFault {
  const cause = { cause: error };
  if (error instanceof ServerFault) return error;
  if (signal.aborted) {
    if (deadline?.cancelled === true) return new ServerFault('cancelled', 'the caller has gone', cause);
    return new ServerFault('timeout', 'it did not answer in time', cause);
  }
  if (isUnsent(error)) return new ServerFault('unreachable', messageOf(error), cause);
  return new ServerFault('broken_off', messageOf(error), cause);
}

function isUnsent(error: unknown): boolean {
  if (error instanceof errors.ConnectTimeoutError) return true;
  if (error instanceof AggregateError) return error.errors.every(isUnsent);
  return error instanceof Error && 'code' in error && unsent.has(String(error.code));
}
