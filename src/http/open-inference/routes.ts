import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requireSight, type Authenticator, type RateLimiter } from '../../access/index.js';
import {
  modelMetadata,
  ModelRepository,
  type ModelCatalogue,
  type ModelControl,
  type ModelDescription,
  type ModelLease,
} from '../../models/index.js';
import type { TensorService } from '../../prediction/index.js';
import { ServiceError } from '../../shared/errors.js';
import type { Admission } from '../admission.js';
import type { Readiness } from '../reports.js';
import { jsonReply } from '../reply-content.js';
import { requestTimeoutMs } from '../request-rules.js';
import type { Responder } from '../responder.js';
import { serviceName } from '../routes/health.js';
import { authenticate, limitRate } from '../steps/access.js';
import { admit } from '../steps/admit.js';
import { hookOf, inOrder, type Step } from '../steps/step.js';
import { headerLengthName, readInferBody, type InferBody } from './infer-body.js';
import { inferReply } from './infer-reply.js';
import { readRawBody } from './raw-body.js';
import { repositoryRoutes } from './repository-routes.js';

export interface OpenInferenceParts {
  readonly inference: TensorService;
  readonly catalogue: ModelCatalogue;
  /** null: nothing is loaded or unloaded by request. */
  readonly control: ModelControl | null;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter | null;
  readonly admission: Admission | null;
  readonly readiness: () => Readiness;
  readonly responder: Responder;
  readonly maxTimeoutMs: number;
  /** The program's version. */
  readonly version: string;
}

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

/**
 * The Open Inference Protocol, V2 over REST (kserve/open-inference-protocol, inference_rest.md), with binary tensors and the index of the
 * repository. Its bodies are read whatever their Content-Type says: clients of the protocol often send none.
 */
export function openInferenceRoutes(app: FastifyInstance, parts: OpenInferenceParts): void {
  app.register((scope, _options, done) => {
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    const routes = new OpenInferenceRoutes(parts);
    routes.health(scope);
    routes.models(scope);
    routes.infer(scope);
    done();
  });
}

class OpenInferenceRoutes {
  readonly #parts: OpenInferenceParts;
  readonly #repository: ModelRepository;
  readonly #known: Step;

  constructor(parts: OpenInferenceParts) {
    this.#parts = parts;
    this.#repository = new ModelRepository(parts.catalogue, parts.control);
    this.#known = inOrder(authenticate(parts.authenticator), limitRate(parts.limiter));
  }

  health(app: FastifyInstance): void {
    const { responder, readiness, version } = this.#parts;
    const extensions = ['binary_tensor_data', ...this.#repository.extensions];
    const server = { name: serviceName, version, extensions };
    for (const path of ['/v2', '/v2/']) {
      app.get(path, (request, reply) => responder.send(request, reply, jsonReply(server)));
    }
    app.get('/v2/health/live', (request, reply) => responder.send(request, reply, jsonReply({ live: true })));
    app.get('/v2/health/ready', (request, reply) => {
      const ready = readiness().status !== 'not_ready' && !responder.draining;
      responder.send(request, reply, jsonReply({ ready }, ready ? 200 : 503));
    });
  }

  models(app: FastifyInstance): void {
    const { responder } = this.#parts;
    const onRequest = hookOf(this.#known);
    for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
      app.get(path, { onRequest }, (request, reply) => {
        const metadata = this.#ask(request as ModelRequest, ({ version }, model) =>
          modelMetadata(version, versionsOf(model)),
        );
        responder.send(request, reply, jsonReply(metadata));
      });
      app.get(`${path}/ready`, { onRequest }, (request, reply) => {
        const name = (request as ModelRequest).params.model;
        const ready = this.#isReady(request as ModelRequest);
        responder.send(request, reply, jsonReply({ name, ready }, ready ? 200 : 503));
      });
    }
    repositoryRoutes(app, onRequest, { repository: this.#repository, responder });
  }

  infer(app: FastifyInstance): void {
    const { admission, maxTimeoutMs } = this.#parts;
    const checkHeaders: Step = (exchange, { headers }) => {
      if (headers['content-encoding'] !== undefined) {
        return new ServiceError('UNSUPPORTED_MEDIA_TYPE', 'Content-Encoding is not supported');
      }
      exchange.timeoutMs = requestTimeoutMs(headers, maxTimeoutMs);
      return undefined;
    };
    for (const path of ['/v2/models/:model/infer', '/v2/models/:model/versions/:version/infer']) {
      app.post(path, {
        onRequest: hookOf(inOrder(this.#known, checkHeaders)),
        preHandler: hookOf(admit(admission, 'predict')),
        handler: (request, reply) => this.#infer(request as ModelRequest, reply),
      });
    }
  }

  #infer(request: ModelRequest, reply: FastifyReply): void {
    const { inference, responder } = this.#parts;
    const { params, exchange } = request;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    exchange.reachedPrediction = true;
    let read: InferBody | undefined;
    const call = {
      modelId: params.model,
      modelVersion: params.version,
      read: () => (read = this.#read(request, body)).request,
    };
    inference
      .infer(call, exchange)
      .then((answer) => {
        if (read === undefined) throw new Error('An answer to a request that was not read');
        const content = inferReply(answer, read);
        if (content.headerLength !== undefined) reply.raw.setHeader(headerLengthName, content.headerLength);
        responder.send(request, reply, content);
      })
      .catch((thrown: unknown) => responder.error(request, reply, thrown));
  }

  /** @throws ServiceError INVALID_REQUEST; a raw request also what a model that does not answer has */
  #read({ headers, params }: ModelRequest, body: Buffer): InferBody {
    const headerLength = headers[headerLengthName];
    if (headerLength !== '0') return readInferBody(body, headerLength);
    const lease = this.#parts.catalogue.lease(params.model, params.version);
    try {
      return readRawBody(body, lease.version.tensors.signature);
    } finally {
      lease.release();
    }
  }

  /** @throws ServiceError FORBIDDEN, MODEL_NOT_FOUND, SERVICE_UNAVAILABLE */
  #ask<Answer>(request: ModelRequest, ask: (lease: ModelLease, model: ModelDescription) => Answer): Answer {
    const { catalogue } = this.#parts;
    const { model: modelId, version } = request.params;
    requireSight(request.exchange.principal, modelId);
    const lease = catalogue.lease(modelId, version);
    try {
      const model = catalogue.describe(modelId);
      if (model === undefined) throw new ServiceError('MODEL_NOT_FOUND', 'The model has gone');
      return ask(lease, model);
    } finally {
      lease.release();
    }
  }

  #isReady(request: ModelRequest): boolean {
    try {
      return this.#ask(request, () => true);
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE') return false;
      throw error;
    }
  }
}

function versionsOf({ versions }: ModelDescription): readonly string[] {
  return versions.filter(({ state }) => state === 'ready').map(({ version }) => version);
}
