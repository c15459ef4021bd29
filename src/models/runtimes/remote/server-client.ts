import type { Dispatcher, Pool } from 'undici';
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
  /** Breaks a download off. */
  readonly cancel?: AbortSignal;
}

export interface ServerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const maxConnections = 64;
const longestConnectMs = 2000;
/** A download in which nothing comes for so long has stopped. */
const longestSilenceMs = 30_000;

/** Connections to one model server. Redirects are not followed: only the configuration says where rows are sent. */
export class ServerClient {
  /** Scheme, host and port. */
  readonly server: string;
  readonly #connectMs: number;
  #pool: Promise<Pool> | undefined;
  readonly #prefix: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** @throws TypeError when `url` is none */
  constructor(url: string, headers: Readonly<Record<string, string>>, connectMs: number) {
    const { origin, pathname } = new URL(url);
    this.server = origin;
    this.#prefix = pathname.replace(/\/+$/, '');
    this.#headers = headers;
    this.#connectMs = Math.min(connectMs, longestConnectMs);
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

  async #send(call: ServerCall, signal: AbortSignal): Promise<ServerAnswer> {
    // The signal limits the whole; undici's own timers tick by the second.
    const response = await this.#request(call, signal, 0);
    const body = await readBody(response.body, call.maxBytes);
    return { status: response.statusCode, headers: response.headers, body };
  }

  async #request({ method, path, headers, body, deadline }: ServerCall, signal: AbortSignal, silenceMs: number) {
    this.#pool ??= this.#open();
    return (await this.#pool).request({
      method,
      path: this.#prefix + path,
      headers: { ...this.#headers, ...headers, ...deadline?.trace },
      signal,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      ...(body !== undefined && { body }),
    });
  }

  /**
   * As `call`, for a body that need not fit in memory: `write` is given it piece by piece, each awaited. Only a reply with status
   * 200 is written; of others the beginning is returned.
   * @throws ServerFault; what `write` throws
   */
  async download(call: ServerCall, write: (chunk: Buffer) => Promise<void>): Promise<ServerAnswer> {
    const signal = AbortSignal.any([
      AbortSignal.timeout(Math.max(1, Math.ceil(call.timeoutMs))),
      ...(call.cancel === undefined ? [] : [call.cancel]),
    ]);
    let written: { readonly error: unknown } | undefined;
    try {
      const { statusCode: status, headers, body } = await this.#request(call, signal, longestSilenceMs);
      if (status !== 200) return { status, headers, body: await readBody(body, call.maxBytes) };
      for await (const chunk of limited(body, call.maxBytes)) {
        await write(chunk).catch((error: unknown) => {
          written = { error };
          throw error;
        });
      }
      return { status, headers, body: Buffer.alloc(0) };
    } catch (error) {
      throw written === undefined ? faultOf(error, signal, undefined) : written.error;
    }
  }

  /** Breaks off what is still under way. */
  async close(): Promise<void> {
    await (await this.#pool)?.destroy();
  }

  /** undici is loaded only where it is used: it costs a tenth of the start. */
  async #open(): Promise<Pool> {
    const { Pool } = await import('undici');
    const connect = { timeout: this.#connectMs };
    return new Pool(this.server, { connections: maxConnections, pipelining: 1, connect });
  }
}

async function readBody(stream: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of limited(stream, maxBytes)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* limited(stream: Dispatcher.ResponseData['body'], maxBytes: number): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop destroys the stream, and the connection with it.
    if (length > maxBytes) throw new ServerFault('too_large', `the answer is longer than ${maxBytes} bytes`);
    yield chunk;
  }
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
  if (error instanceof AggregateError) return error.errors.every(isUnsent);
  return error instanceof Error && 'code' in error && unsent.has(String(error.code));
}
