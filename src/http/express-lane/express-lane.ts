import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { IncomingHttpHeaders, IncomingMessage, Server as HttpServer } from 'node:http';
import proxyAddress from '@fastify/proxy-addr';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../shared/clock.js';
import { Exchange } from '../exchange.js';
import type { Listener } from '../listener.js';
import type { HttpObserver } from '../observer.js';
import type { HttpOptions } from '../options.js';
import type { PredictCall } from '../predict-call.js';
import type { ProtocolErrors } from '../protocol-errors.js';
import type { ReplyContent } from '../reply-content.js';
import type { Responder } from '../responder.js';
import type { CanonicalRequest } from './canonical-request.js';
import { LaneConnection, type LaneEnd, type Unanswered } from './lane-connection.js';
import { LaneConnections, sweepMs } from './lane-connections.js';
import { replyText } from './reply-text.js';

export interface ExpressLaneParts {
  readonly app: FastifyInstance;
  readonly options: HttpOptions;
  readonly call: PredictCall;
  readonly responder: Responder;
  readonly protocolErrors: ProtocolErrors;
  readonly observer: HttpObserver;
  readonly clock: Clock;
  readonly beginTrace?: (() => string | undefined) | undefined;
}

const idleCheckMs = 50;

/**
 * The port, where plain predictions are framed here instead of by Node's HTTP server, which costs more than all the rest of them. What is
 * not plainly that goes to the ordinary server, for the rest of its connection (docs/adr/0019-express-lane.md).
 */
export class ExpressLane implements Listener, LaneEnd {
  readonly maxBody: number;
  readonly #parts: ExpressLaneParts;
  readonly #ordinary: HttpServer;
  readonly #front: Server;
  readonly #connections: LaneConnections;
  readonly #keepAliveSeconds: number;
  /** Whether an address is a proxy's whose X-Forwarded-For is believed. */
  readonly #isProxy: ((address: string, hop: number) => boolean) | undefined;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(parts: ExpressLaneParts) {
    const { app, options, observer } = parts;
    this.#parts = parts;
    this.#ordinary = app.server;
    this.maxBody = options.max_body_bytes;
    this.#keepAliveSeconds = Math.floor(options.keep_alive_timeout_ms / 1000);
    this.#connections = new LaneConnections(options, (connection) => this.#refuseSilent(connection));
    if (options.trust_proxy.length > 0) this.#isProxy = proxyAddress.compile(options.trust_proxy);
    this.#front = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      this.#connections.add(new LaneConnection(socket, this)),
    );
    this.#front.maxConnections = options.max_connections;
    this.#front.on('drop', () => observer.connectionRefused());
  }

  get sweeps(): number {
    return this.#connections.sweeps;
  }

  async listen(at: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.#front.once('error', reject).listen(at, () => {
        this.#front.off('error', reject);
        resolve();
      });
    });
    // Without it Node's server, which never listens, would not look for requests that are too slow.
    this.#ordinary.emit('listening');
    this.#sweeping = setInterval(() => this.#connections.sweep(), sweepMs).unref();
    return this.#front.address() as AddressInfo;
  }

  async close(graceMs: number): Promise<void> {
    const idle = setInterval(() => this.#endIdle(), idleCheckMs);
    const deadline = setTimeout(() => this.#cut(), graceMs);
    try {
      const closed = new Promise<void>((resolve) => this.#front.close(() => resolve()));
      this.#endIdle();
      await closed;
      await this.#parts.app.close();
    } finally {
      clearInterval(idle);
      clearInterval(this.#sweeping);
      clearTimeout(deadline);
    }
  }

  answer(connection: LaneConnection, request: CanonicalRequest): void {
    const { clock, beginTrace, responder } = this.#parts;
    const { headers } = request;
    const exchange = new Exchange({ headers, peer: connection, arrivedAt: clock.monotonic(), beginTrace });
    this.#answerOf(exchange, connection, request)
      .then((content) => this.#send(connection, exchange, { content, error: undefined }))
      .catch((thrown: unknown) =>
        this.#send(connection, exchange, responder.failure(exchange, { thrown, accept: headers.accept })),
      );
  }

  /** By the same steps as through Fastify. */
  async #answerOf(exchange: Exchange, { socket }: LaneConnection, { headers, body }: CanonicalRequest) {
    const { call } = this.#parts;
    const request = { headers, ip: this.#addressOf(socket, headers), body };
    const before = call.beforeBody(exchange, request);
    const refusal = before instanceof Promise ? await before : before;
    if (refusal !== undefined) throw refusal;
    const after = call.afterBody(exchange, request);
    const full = after instanceof Promise ? await after : after;
    if (full !== undefined) throw full;
    exchange.reachedPrediction = true;
    return call.answer(exchange, body);
  }

  /** The caller's address, as Fastify finds it. */
  #addressOf(socket: Socket, headers: IncomingHttpHeaders): string {
    if (this.#isProxy === undefined) return socket.remoteAddress ?? '';
    return proxyAddress({ socket, headers } as IncomingMessage, this.#isProxy);
  }

  #send(connection: LaneConnection, exchange: Exchange, outcome: Outcome): void {
    const { responder, clock } = this.#parts;
    const { content } = outcome;
    const last = responder.draining;
    const durationMs = clock.monotonic() - exchange.arrivedAt;
    const clientGone = connection.gone;
    const headers = responder.headersOf(exchange, { ...outcome, durationMs });
    const keepAliveSeconds = last ? undefined : this.#keepAliveSeconds;
    const frame = {
      status: content.status,
      headers,
      body: content.body.toString(),
      keepAliveSeconds,
      now: clock.now(),
    };
    responder.end(exchange, {
      ...{ status: content.status, error: outcome.error, durationMs, clientGone },
      ...{ route: '/v1/predict', method: 'POST' },
    });
    // Last, as it may take up the next request.
    connection.reply(replyText(frame), last);
  }

  handOver(connection: LaneConnection, { bytes, ended }: Unanswered): void {
    const { socket } = connection;
    this.#connections.delete(connection);
    if (ended) {
      // Nothing can be put back any more: the server is told as the socket told us.
      this.#ordinary.emit('connection', socket);
      socket.emit('data', bytes);
      socket.emit('end');
      return;
    }
    socket.pause();
    if (bytes.length > 0) socket.unshift(bytes);
    this.#ordinary.emit('connection', socket);
    // Without it the bytes put back are never seen, and later ones overtake them.
    process.nextTick(() => socket.resume());
  }

  failed({ socket }: LaneConnection, error: Error): void {
    this.#parts.protocolErrors.answerClientError(error, socket);
  }

  closed(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  /** Answers as Node's server would, which reports by this code. */
  #refuseSilent(connection: LaneConnection): void {
    const { socket } = connection;
    connection.release();
    this.#connections.delete(connection);
    socket.on('error', () => socket.destroy());
    const code = 'ERR_HTTP_REQUEST_TIMEOUT';
    this.#parts.protocolErrors.answerClientError(Object.assign(new Error(code), { code }), socket);
  }

  #endIdle(): void {
    this.#ordinary.closeIdleConnections();
    this.#connections.endIdle();
  }

  #cut(): void {
    this.#ordinary.closeAllConnections();
    this.#connections.destroyAll();
  }
}

type Outcome = {
  readonly content: ReplyContent;
  readonly error: ReturnType<Responder['failure']>['error'] | undefined;
};
