import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import type { Server as HttpServer } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../shared/clock.js';
import type { CallerAddress } from '../caller-address.js';
import { Exchange } from '../exchange.js';
import type { Listener } from '../listener.js';
import type { HttpObserver } from '../observer.js';
import type { HttpOptions } from '../options.js';
import type { PredictCall } from '../predict-call.js';
import type { ProtocolErrors } from '../protocol-errors.js';
import type { ReplyContent } from '../reply-content.js';
import type { Answer, Failure, Responder } from '../responder.js';
import { inOrder, takeStep, type Step } from '../steps/step.js';
import type { Turn } from '../turn.js';
import { RequestReader, type CanonicalRequest } from './canonical-request.js';
import { LaneConnection, type LaneEnd } from './lane-connection.js';
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
  readonly turn: Turn;
  readonly addressOf: CallerAddress;
  readonly beginTrace?: (() => string | undefined) | undefined;
}

const idleCheckMs = 50;

/**
 * The port, where plain predictions are framed here instead of by Node's HTTP server, which costs more than all the rest of them. What is
 * not plainly that goes to the ordinary server, for the rest of its connection (docs/adr/0019-express-lane.md).
 */
export class ExpressLane implements Listener, LaneEnd {
  readonly reader: RequestReader;
  readonly connections: LaneConnections;
  readonly #parts: ExpressLaneParts;
  readonly #ordinary: HttpServer;
  readonly #front: Server;
  readonly #steps: Step;
  readonly #keepAliveSeconds: number;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(parts: ExpressLaneParts) {
    const { app, options, observer, call } = parts;
    this.#parts = parts;
    this.#ordinary = app.server;
    this.reader = new RequestReader(options.max_body_bytes);
    this.#steps = inOrder(call.beforeBody, call.afterBody);
    this.#keepAliveSeconds = Math.floor(options.keep_alive_timeout_ms / 1000);
    this.connections = new LaneConnections(options, (connection) => this.#endSilent(connection));
    this.#front = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      this.connections.add(new LaneConnection(socket, this)),
    );
    this.#front.maxConnections = options.max_connections;
    this.#front.on('drop', () => observer.connectionRefused());
  }

  async listen(at: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
    await once(this.#front.listen(at), 'listening');
    // Without it Node's server, which never listens, would not look for requests that are too slow.
    this.#ordinary.emit('listening');
    this.#sweeping = setInterval(() => this.connections.sweep(), sweepMs).unref();
    return this.#front.address() as AddressInfo;
  }

  async close(graceMs: number): Promise<void> {
    const idle = setInterval(() => this.#endIdle(), idleCheckMs);
    const deadline = setTimeout(() => {
      this.#ordinary.closeAllConnections();
      this.connections.destroyAll();
    }, graceMs);
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

  /** By the same steps as through Node's HTTP server. */
  answer(connection: LaneConnection, { headers, body }: CanonicalRequest): void {
    const { clock, beginTrace, addressOf } = this.#parts;
    const exchange = new Exchange({ headers, peer: connection, arrivedAt: clock.monotonic(), beginTrace });
    takeStep(this.#steps, exchange, { headers, ip: addressOf(connection.socket, headers), body }, (refusal) =>
      refusal === undefined
        ? void this.#predict(connection, exchange, { headers, body })
        : this.#refuse(connection, exchange, { thrown: refusal, accept: headers.accept }),
    );
  }

  async #predict(
    connection: LaneConnection,
    exchange: Exchange,
    { headers, body }: Pick<CanonicalRequest, 'headers' | 'body'>,
  ): Promise<void> {
    const { turn, call } = this.#parts;
    exchange.reachedPrediction = true;
    let content: ReplyContent;
    try {
      await turn.read();
      content = await call.answer(exchange, body);
    } catch (thrown) {
      return this.#refuse(connection, exchange, { thrown, accept: headers.accept });
    }
    this.#send(connection, exchange, { content, error: undefined });
  }

  #refuse(connection: LaneConnection, exchange: Exchange, failure: Failure): void {
    this.#send(connection, exchange, this.#parts.responder.failure(exchange, failure));
  }

  #send(connection: LaneConnection, exchange: Exchange, { content, error }: Answer): void {
    const { responder, clock } = this.#parts;
    const { status, body } = content;
    const last = responder.draining;
    const durationMs = clock.monotonic() - exchange.arrivedAt;
    const headers = responder.headersOf(exchange, { content, error, durationMs });
    const keepAliveSeconds = last ? undefined : this.#keepAliveSeconds;
    const clientGone = connection.gone;
    responder.end(exchange, { status, error, durationMs, clientGone, route: '/v1/predict', method: 'POST' });
    // Last, as it may take up the next request.
    connection.reply(replyText({ status, headers, body: body.toString(), keepAliveSeconds, now: clock.now() }), last);
  }

  handOver(connection: LaneConnection, bytes: Buffer): void {
    const { socket } = connection;
    this.connections.delete(connection);
    if (socket.readableEnded) {
      // Nothing can be put back any more: the server is told as the socket told us.
      this.#ordinary.emit('connection', socket);
      socket.emit('data', bytes);
      socket.emit('end');
      return;
    }
    socket.pause();
    socket.unshift(bytes);
    this.#ordinary.emit('connection', socket);
    // Without it the bytes put back are never seen, and later ones overtake them.
    process.nextTick(() => socket.resume());
  }

  failed({ socket }: LaneConnection, error: Error): void {
    this.#parts.protocolErrors.answerClientError(error, socket);
  }

  closed(connection: LaneConnection): void {
    this.connections.delete(connection);
  }

  /** As Node's server would, which reports by this code. */
  #endSilent(connection: LaneConnection): void {
    connection.giveUp();
    this.failed(connection, Object.assign(new Error('Nothing came'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }));
  }

  #endIdle(): void {
    this.#ordinary.closeIdleConnections();
    this.connections.endIdle();
  }
}
