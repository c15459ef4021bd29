import { fileURLToPath } from 'node:url';
import { loadPackageDefinition, Server, ServerCredentials, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { requireSight, type Authenticator, type Principal, type RateLimiter } from '../access/index.js';
import { modelMetadata, ModelRepository, type ModelCatalogue, type ModelControl } from '../models/index.js';
import type { TensorService } from '../prediction/index.js';
import type { Clock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { answering, type Answer, type GrpcCall } from './call.js';
import type { InferMessage, ModelMessage, RepositoryChangeMessage, RepositoryIndexMessage } from './messages.js';
import type { GrpcObserver } from './observer.js';
import { readInferMessage } from './read-tensors.js';
import { RepositoryCalls } from './repository-calls.js';
import { ReplaceableCredentials, type CertificateSource } from './server-credentials.js';
import { inferResponse } from './write-tensors.js';

export interface GrpcServerParts {
  readonly inference: TensorService;
  readonly catalogue: ModelCatalogue;
  /** null: nothing is loaded or unloaded by request. */
  readonly control: ModelControl | null;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter | null;
  /** As for HTTP: a place, or why there is none. */
  readonly admission: { enter(kind: 'predict'): (() => void) | ServiceError } | null;
  readonly isReady: () => boolean;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** undefined: no TLS. */
  readonly certificates: CertificateSource | undefined;
  /** The traceparent of a trace that begins here, or undefined; undefined where none ever does. */
  readonly beginTrace: (() => string | undefined) | undefined;
  readonly observer: GrpcObserver;
  readonly name: string;
  readonly version: string;
}

/** In the program's own folder, from src/ as from dist/. */
const protoFile = fileURLToPath(new URL('../../proto/open-inference.proto', import.meta.url));

const certificateCheckMs = 1000;

type Handler<Message> = (call: GrpcCall<Message>, principal: Principal) => object | Promise<object>;

/** The Open Inference Protocol over gRPC, with the keys, scopes, limits and deadlines of HTTP. */
export class GrpcServer {
  readonly #parts: GrpcServerParts;
  readonly #server: Server;
  #certificateTimer: NodeJS.Timeout | undefined;
  #draining = false;

  constructor(parts: GrpcServerParts) {
    this.#parts = parts;
    this.#server = new Server({ 'grpc.max_receive_message_length': parts.maxMessageBytes });
    const repository = new ModelRepository(parts.catalogue, parts.control);
    this.#server.addService(serviceDefinition(), {
      ...this.#protocol(repository.extensions),
      ...this.#ofRepository(repository),
    });
  }

  #protocol(extensions: readonly string[]) {
    const { name, version, isReady } = this.#parts;
    return {
      ServerLive: this.#open('ServerLive', () => ({ live: true })),
      ServerReady: this.#open('ServerReady', () => ({ ready: !this.#draining && isReady() })),
      ServerMetadata: this.#open('ServerMetadata', () => ({ name, version, extensions })),
      ModelReady: this.#known<ModelMessage>('ModelReady', ({ message }, principal) => ({
        ready: this.#modelReady(message, principal),
      })),
      ModelMetadata: this.#known<ModelMessage>('ModelMetadata', ({ message }, principal) =>
        this.#metadata(message, principal),
      ),
      ModelInfer: this.#known<InferMessage>('ModelInfer', (call, principal) => this.#infer(call, principal)),
    };
  }

  #ofRepository(repository: ModelRepository) {
    const calls = new RepositoryCalls(repository);
    const change = (method: string, action: 'load' | 'unload') =>
      this.#known<RepositoryChangeMessage>(method, ({ message }, principal) =>
        calls.change(action, message, principal),
      );
    return {
      RepositoryIndex: this.#known<RepositoryIndexMessage>('RepositoryIndex', ({ message }, principal) =>
        calls.index(message, principal),
      ),
      RepositoryModelLoad: change('RepositoryModelLoad', 'load'),
      RepositoryModelUnload: change('RepositoryModelUnload', 'unload'),
    };
  }

  /** Resolves with the port that was taken. */
  listen(host: string, port: number): Promise<number> {
    const credentials = this.#credentials();
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, taken) => (error === null ? resolve(taken) : reject(error)));
    });
  }

  /** ServerReady says no from now on; everything is still served. */
  beginDrain(): void {
    this.#draining = true;
  }

  /** Takes no new call, lets those in flight end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void> {
    this.beginDrain();
    clearInterval(this.#certificateTimer);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #credentials(): ServerCredentials {
    const { certificates } = this.#parts;
    if (certificates === undefined) return ServerCredentials.createInsecure();
    const credentials = new ReplaceableCredentials(certificates.current);
    const look = () => void certificates.refresh((pair) => credentials.use(pair));
    this.#certificateTimer = setInterval(look, certificateCheckMs);
    this.#certificateTimer.unref();
    return credentials;
  }

  /** Answered to anybody, as health is. */
  #open(method: string, answer: () => object) {
    return this.#answering<unknown>(method, () => Promise.resolve(answer()));
  }

  #answering<Message>(method: string, answer: Answer<Message>) {
    return answering<Message>(method, answer, this.#parts);
  }

  /** Who calls, and how often, before anything else. */
  #known<Message>(method: string, handler: Handler<Message>) {
    const { authenticator, limiter } = this.#parts;
    return this.#answering<Message>(method, async (call) => {
      const principal = await authenticator.authenticate(call.credentials);
      call.principal = principal;
      const decision = await limiter?.take(principal, 1);
      if (decision?.allowed === false) {
        const retryAfterSeconds = decision.resetSeconds;
        throw new ServiceError('RATE_LIMIT_EXCEEDED', 'The rate limit of this caller is used up', {
          retryAfterSeconds,
        });
      }
      return handler(call, principal);
    });
  }

  async #infer(call: GrpcCall<InferMessage>, principal: Principal): Promise<object> {
    const { inference, admission } = this.#parts;
    const { message: request } = call;
    const place = admission?.enter('predict');
    if (place instanceof Error) throw place;
    try {
      call.reachedPrediction = true;
      const reply = await inference.infer(
        {
          modelId: request.model_name,
          modelVersion: request.model_version || undefined,
          read: () => readInferMessage(request),
        },
        call.contextFor(principal),
      );
      return inferResponse(reply, request.id, request.raw_input_contents.length > 0);
    } finally {
      place?.();
    }
  }

  #metadata({ name, version }: ModelMessage, principal: Principal): object {
    requireSight(principal, name);
    const { catalogue } = this.#parts;
    const lease = catalogue.lease(name, version || undefined);
    try {
      const known = catalogue.describe(name)?.versions ?? [];
      const ready = known.filter(({ state }) => state === 'ready').map((one) => one.version);
      return modelMetadata(lease.version, ready);
    } finally {
      lease.release();
    }
  }

  #modelReady({ name, version }: ModelMessage, principal: Principal): boolean {
    requireSight(principal, name);
    try {
      this.#parts.catalogue.lease(name, version || undefined).release();
      return true;
    } catch (error) {
      if (error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE') return false;
      throw error;
    }
  }
}

function serviceDefinition() {
  const definition = loadSync(protoFile, {
    keepCase: true,
    longs: String,
    defaults: true,
    arrays: true,
    objects: true,
  });
  const { inference } = loadPackageDefinition(definition) as unknown as {
    inference: { GRPCInferenceService: ServiceClientConstructor };
  };
  return inference.GRPCInferenceService.service;
}
