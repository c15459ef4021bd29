import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Server as HttpServer } from 'node:http';
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
import { LaneConnection, type LaneEnd, type Waiting } from './lane-connection.js';
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

const sweepMs = 100;
/** A request that is not whole by then is the ordinary server's, with its limits. */
const patienceMs = 200;
/** Node closes an idle connection so much later than it says. */
const keepAliveSlackMs = 1000;
const idleCheckMs = 50;

/**
 * The port, where plain predictions are framed here instead of by Node's HTTP server, which costs more than all the rest of them. What is
 * not plainly that goes to the ordinary server, for the rest of its connection (docs/adr/0019-express-lane.md).
 */
export class ExpressLane implements Listener, LaneEnd {
  readonly maxBody: number;
  sweeps = 0;
  readonly #parts: ExpressLaneParts;
  readonly #ordinary: HttpServer;
  readonly #front: Server;
  readonly #connections = new Set<LaneConnection>();
  readonly #limits: Readonly<Record<Waiting, number>>;
  readonly #keepAliveSeconds: number;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(parts: ExpressLaneParts) {
    const { app, options, observer } = parts;
    this.#parts = parts;
    this.#ordinary = app.server;
    this.maxBody = options.max_body_bytes;
    this.#keepAliveSeconds = Math.floor(options.keep_alive_timeout_ms / 1000);
    const idleSweeps = (options.keep_alive_timeout_ms + keepAliveSlackMs) / sweepMs;
    this.#limits = {
      fresh: Math.min(options.headers_timeout_ms, options.request_timeout_ms) / sweepMs,
      partial: patienceMs / sweepMs,
      reply: Infinity,
      reader: idleSweeps,
      idle: idleSweeps,
    };
    this.#front = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#open(socket));
    this.#front.maxConnections = options.max_connections;
    this.#front.on('drop', () => observer.connectionRefused());
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
    this.#sweeping = setInterval(() => this.#sweep(), sweepMs).unref();
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
  async #answerOf(exchange: Exchange, { ip }: LaneConnection, { headers, body }: CanonicalRequest) {
    const { call } = this.#parts;
    const request = { headers, ip, body };
    const before = call.beforeBody(exchange, request);
    const refusal = before instanceof Promise ? await before : before;
    if (refusal !== undefined) throw refusal;
    const after = call.afterBody(exchange, request);
    const full = after instanceof Promise ? await after : after;
    if (full !== undefined) throw full;
    exchange.reachedPrediction = true;
    return call.answer(exchange, body);
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

  handOver(connection: LaneConnection, bytes: Buffer): void {
    const { socket } = connection;
    this.#connections.delete(connection);
    socket.pause();
    if (bytes.length > 0) socket.unshift(bytes);
    this.#ordinary.emit('connection', socket);
    // Without it the bytes put back are never seen, and later ones overtake them.
    process.nextTick(() => socket.resume());
  }

  brokenOff(connection: LaneConnection): void {
    this.#refuse(connection, 'HPE_INVALID_EOF_STATE');
  }

  closed(connection: LaneConnection): void {
    this.#connections.delete(connection);
  }

  #open(socket: Socket): void {
    this.#connections.add(new LaneConnection(socket, this));
  }

  /** Answers as Node's server would, which reports by these codes. */
  #refuse(connection: LaneConnection, code: string): void {
    connection.release();
    this.#connections.delete(connection);
    connection.socket.on('error', () => connection.socket.destroy());
    this.#parts.protocolErrors.answerClientError(Object.assign(new Error(code), { code }), connection.socket);
  }

  #sweep(): void {
    this.sweeps++;
    for (const connection of this.#connections) {
      const { waiting, since } = connection;
      if (this.sweeps - since <= this.#limits[waiting]) continue;
      if (waiting === 'partial') connection.handOver();
      else if (waiting === 'fresh') this.#refuse(connection, 'ERR_HTTP_REQUEST_TIMEOUT');
      else connection.socket.destroy();
    }
  }

  #endIdle(): void {
    this.#ordinary.closeIdleConnections();
    for (const { waiting, socket } of this.#connections)
      if (waiting === 'idle' || waiting === 'fresh') socket.destroy();
  }

  #cut(): void {
    this.#ordinary.closeAllConnections();
    for (const { socket } of this.#connections) socket.destroy();
  }
}

type Outcome = {
  readonly content: ReplyContent;
  readonly error: ReturnType<Responder['failure']>['error'] | undefined;
};
