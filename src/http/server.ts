import type { RequestListener, Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import fastify, { type FastifyInstance } from 'fastify';
import type { Authenticator, RateLimiter } from '../access/index.js';
import type { ModelCatalogue, ModelControl } from '../models/index.js';
import type { PredictionService, TensorService } from '../prediction/index.js';
import type { Clock } from '../shared/clock.js';
import type { Timers } from '../shared/timers.js';
import type { Admission } from './admission.js';
import { callerAddress, type CallerAddress } from './caller-address.js';
import { Cors } from './cors.js';
import { exchangeOf } from './exchange.js';
import { createNodeServer } from './node-server.js';
import { ExpressLane } from './express-lane/index.js';
import type { Listener } from './listener.js';
import type { HttpObserver } from './observer.js';
import { openInferenceRoutes } from './open-inference/routes.js';
import { openApiDocument } from './openapi/document.js';
import type { HttpOptions, TlsOptions } from './options.js';
import { OrdinaryListener } from './ordinary-listener.js';
import { predictBatchCall, predictCall, type PredictCall, type PredictCallParts } from './predict-call.js';
import { predictFront } from './predict-front.js';
import { PredictRoute } from './predict-route.js';
import { ProtocolErrors } from './protocol-errors.js';
import type { HeaderPolicy } from './reply-headers.js';
import type { MetricsText, Readiness } from './reports.js';
import { checkRequest } from './request-rules.js';
import { Responder } from './responder.js';
import { docsRoutes } from './routes/docs.js';
import { healthRoutes } from './routes/health.js';
import { metricsRoute } from './routes/metrics.js';
import { modelRoutes } from './routes/models.js';
import { predictRoutes } from './routes/predict.js';
import { webhookRoutes, type MlflowWebhook } from './routes/webhooks.js';
import { minVersion, TlsCertificates } from './tls-certificates.js';
import { Turn } from './turn.js';
import { unmatched } from './unmatched.js';

export interface HttpServerParts {
  readonly options: HttpOptions;
  readonly tls: TlsOptions;
  readonly prediction: PredictionService;
  /** Answers /v2, where http.open_inference is on. */
  readonly inference: TensorService;
  readonly catalogue: ModelCatalogue;
  /** null: models are not loaded and unloaded by request. */
  readonly control: ModelControl | null;
  readonly authenticator: Authenticator;
  /** null: no limit. */
  readonly limiter: RateLimiter | null;
  /** null: everything is admitted. */
  readonly admission: Admission | null;
  readonly readiness: () => Readiness;
  /** The text of a scrape in the form that the Accept header asks for. */
  readonly metrics: (accept: string | undefined) => Promise<MetricsText>;
  /** `auth.metrics`: /metrics needs the scope metrics:read. */
  readonly metricsProtected: boolean;
  /** `rate_limit.count_batch_instances`. */
  readonly countBatchInstances: boolean;
  /** undefined: there is no such path. */
  readonly mlflowWebhook?: MlflowWebhook | undefined;
  readonly observer: HttpObserver;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The traceparent of a trace that begins here, or undefined; absent where none ever does. */
  readonly beginTrace?: (() => string | undefined) | undefined;
  /** The program's version, for the OpenAPI document. */
  readonly version: string;
}

export interface HttpServer {
  /** For tests: requests without a socket. */
  readonly app: FastifyInstance;
  /** Resolves with the URL it can be reached by. Port 0 is any free one. */
  listen(at: { readonly host: string; readonly port: number }): Promise<string>;
  /** /ready answers 503 from now on and replies close their connections; everything is still served. */
  beginDrain(): void;
  /** Takes no new connection, lets requests in flight end, and cuts what is left after `graceMs`. Begins the drain if that was not done. */
  close(graceMs: number): Promise<void>;
}

const certificateCheckMs = 1000;
/** Beyond any path that fits in a request's headers: an overlong id is an unknown model, not a broken request. */
const maxParamLength = 16_384;

/** @throws Error that names the files when TLS is required and its key pair cannot be used. */
export async function createHttpServer(parts: HttpServerParts): Promise<HttpServer> {
  const edge = await openEdge(parts);
  const app = createApp(parts, edge);
  addHooks(app, parts, edge);
  addRoutes(app, parts, edge);
  await app.ready();
  const listener = takesExpressLane(parts)
    ? new ExpressLane({ ...parts, ...edge, app, call: edge.single })
    : new OrdinaryListener(app);
  return new FastifyHttpServer({ app, ...edge, listener });
}

/** What all ways of a request share. */
interface Edge {
  readonly responder: Responder;
  readonly protocolErrors: ProtocolErrors;
  readonly certificates: TlsCertificates | undefined;
  readonly turn: Turn;
  readonly addressOf: CallerAddress;
  /** undefined: no page of another origin reads replies. */
  readonly cors: Cors | undefined;
  readonly single: PredictCall;
  readonly predictRoutes: ReadonlyMap<string, PredictRoute>;
}

async function openEdge(parts: HttpServerParts): Promise<Edge> {
  const { options, tls, clock, observer } = parts;
  const policy: HeaderPolicy = { strictTransport: tls.mode !== 'off', serverTiming: options.server_timing };
  const responder = new Responder({ clock, observer, policy });
  const turn = new Turn(parts.timers);
  const callParts = callPartsOf(parts);
  const single = predictCall(callParts);
  const routeOf = (call: PredictCall) =>
    new PredictRoute({ call, responder, turn, maxBodyBytes: options.max_body_bytes });
  return {
    responder,
    protocolErrors: new ProtocolErrors({ clock, observer, policy }),
    certificates: await openCertificates(parts),
    turn,
    addressOf: callerAddress(options.trust_proxy),
    cors: options.cors_origins.length > 0 ? new Cors(options.cors_origins) : undefined,
    single,
    predictRoutes: new Map([
      ['/v1/predict', routeOf(single)],
      ['/v1/predict/batch', routeOf(predictBatchCall(callParts))],
    ]),
  };
}

async function openCertificates({ tls, observer }: HttpServerParts): Promise<TlsCertificates | undefined> {
  if (tls.mode !== 'required') return undefined;
  if (tls.cert_file === undefined || tls.key_file === undefined) {
    throw new Error('tls.mode is required: tls.cert_file and tls.key_file must be set');
  }
  return TlsCertificates.open({ certFile: tls.cert_file, keyFile: tls.key_file }, observer);
}

function createApp(parts: HttpServerParts, edge: Edge): FastifyInstance {
  const { options, clock } = parts;
  const { responder, protocolErrors, certificates } = edge;
  const front = (others: RequestListener) => predictFront({ ...parts, ...edge, routes: edge.predictRoutes }, others);
  const app = fastify({
    logger: false,
    bodyLimit: options.max_body_bytes,
    trustProxy: options.trust_proxy.length > 0 ? options.trust_proxy : false,
    routerOptions: { maxParamLength },
    // Exchange has the request's id.
    genReqId: () => '',
    return503OnClosing: false,
    forceCloseConnections: false,
    clientErrorHandler: protocolErrors.answerClientError,
    frameworkErrors: (error, request, reply) => {
      request.exchange = exchangeOf(request.raw, reply.raw, { clock });
      responder.error(request, reply, error);
    },
    serverFactory: (listener) => createNodeServer(options, certificates?.current, front(listener)),
  });
  protocolErrors.attach(app.server);
  app.removeAllContentTypeParsers();
  // The pipeline parses: bodies that authentication, rate limit or admission refuse never are.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  return app;
}

/** What comes before the hooks of the routes, in one hook: each costs something on the hot path. */
function addHooks(app: FastifyInstance, parts: HttpServerParts, { responder, cors }: Edge): void {
  app.decorateRequest('exchange');
  app.addHook('onRequest', (request, reply, done) => {
    const exchange = (request.exchange = exchangeOf(request.raw, reply.raw, parts));
    const refusal = checkRequest(request.raw);
    if (refusal !== undefined) return done(refusal);
    if (cors?.admit(exchange, request.raw, reply.raw) === true) {
      responder.send(request, reply, { status: 204, contentType: 'text/plain', body: '' });
      return;
    }
    // Before the body is read, of which no type is right where there is no route.
    done(request.is404 ? unmatched(app, request) : undefined);
  });
  app.setErrorHandler((thrown, request, reply) => responder.error(request, reply, thrown));
}

function addRoutes(app: FastifyInstance, parts: HttpServerParts, edge: Edge): void {
  const { responder } = edge;
  const { options, authenticator } = parts;
  predictRoutes(app, edge.predictRoutes);
  modelRoutes(app, { ...parts, responder });
  if (options.open_inference) {
    openInferenceRoutes(app, { ...parts, responder, maxTimeoutMs: options.max_timeout_ms });
  }
  if (parts.mlflowWebhook !== undefined) {
    webhookRoutes(app, { mlflowWebhook: parts.mlflowWebhook, responder, clock: parts.clock });
  }
  healthRoutes(app, responder, parts.readiness);
  metricsRoute(app, {
    responder,
    metrics: parts.metrics,
    authenticator: parts.metricsProtected ? authenticator : null,
  });
  if (options.docs)
    docsRoutes(
      app,
      responder,
      openApiDocument({ version: parts.version, options, mlflowWebhook: parts.mlflowWebhook !== undefined }),
    );
}

function callPartsOf(parts: HttpServerParts): PredictCallParts {
  const { max_timeout_ms: maxTimeoutMs, max_batch_instances: maxBatchInstances } = parts.options;
  return { ...parts, maxTimeoutMs, maxBatchInstances };
}

/** Not where the reply depends on headers that only the ordinary server reads. */
function takesExpressLane({ options, tls }: HttpServerParts): boolean {
  return options.express_lane && tls.mode !== 'required' && options.cors_origins.length === 0;
}

interface FastifyHttpServerParts {
  readonly app: FastifyInstance;
  readonly responder: Responder;
  readonly certificates: TlsCertificates | undefined;
  readonly listener: Listener;
}

class FastifyHttpServer implements HttpServer {
  readonly app: FastifyInstance;
  readonly #listener: Listener;
  readonly #responder: Responder;
  readonly #certificates: TlsCertificates | undefined;
  #certificateTimer: NodeJS.Timeout | undefined;

  constructor({ app, responder, certificates, listener }: FastifyHttpServerParts) {
    this.app = app;
    this.#listener = listener;
    this.#responder = responder;
    this.#certificates = certificates;
  }

  async listen({ host, port }: { readonly host: string; readonly port: number }): Promise<string> {
    const address = await this.#listener.listen({ host, port });
    this.#watchCertificates();
    const scheme = this.#certificates === undefined ? 'http' : 'https';
    const name = host.includes(':') ? `[${host}]` : host;
    return `${scheme}://${name}:${address.port}`;
  }

  beginDrain(): void {
    this.#responder.draining = true;
  }

  async close(graceMs: number): Promise<void> {
    this.beginDrain();
    clearInterval(this.#certificateTimer);
    await this.#listener.close(graceMs);
  }

  #watchCertificates(): void {
    const certificates = this.#certificates;
    const server: Server = this.app.server;
    if (certificates === undefined || !(server instanceof TlsServer)) return;
    const use = (pair: { cert: Buffer; key: Buffer }): void => server.setSecureContext({ ...pair, minVersion });
    this.#certificateTimer = setInterval(() => void certificates.refresh(use), certificateCheckMs);
    this.#certificateTimer.unref();
  }
}
