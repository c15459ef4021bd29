import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { allows, type Authenticator, type Principal, type RateLimiter } from '../access/index.js';
import { modelMetadata, type ModelCatalogue } from '../models/index.js';
import type { CallContext, TensorService } from '../prediction/index.js';
import type { Clock } from '../shared/clock.js';
import { ServiceError } from '../shared/errors.js';
import { requestIdPattern } from '../shared/names.js';
import type { InferMessage, ModelMessage } from './messages.js';
import { readInferMessage } from './read-tensors.js';
import { grpcError } from './status.js';
import { inferResponse } from './write-tensors.js';

export interface GrpcServerParts {
  readonly inference: TensorService;
  readonly catalogue: ModelCatalogue;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter | null;
  /** As for HTTP: a place, or why there is none. */
  readonly admission: { enter(kind: 'predict'): (() => void) | ServiceError } | null;
  readonly isReady: () => boolean;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  /** PEM; undefined: no TLS. */
  readonly keyPair: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly name: string;
  readonly version: string;
}

/** In the program's own folder, from src/ as from dist/. */
const protoFile = fileURLToPath(new URL('../../proto/open-inference.proto', import.meta.url));

type Call<Message> = ServerUnaryCall<Message, object>;
type Handler<Message> = (call: Call<Message>, principal: Principal) => object | Promise<object>;

/** The Open Inference Protocol over gRPC, with the keys, scopes, limits and deadlines of HTTP. */
export class GrpcServer {
  readonly #parts: GrpcServerParts;
  readonly #server: Server;

  constructor(parts: GrpcServerParts) {
    this.#parts = parts;
    this.#server = new Server({ 'grpc.max_receive_message_length': parts.maxMessageBytes });
    this.#server.addService(serviceDefinition(), {
      ServerLive: open(() => ({ live: true })),
      ServerReady: open(() => ({ ready: parts.isReady() })),
      ServerMetadata: open(() => ({ name: parts.name, version: parts.version, extensions: [] })),
      ModelReady: this.#known<ModelMessage>((call, principal) => ({
        ready: this.#modelReady(call.request, principal),
      })),
      ModelMetadata: this.#known<ModelMessage>((call, principal) => this.#metadata(call.request, principal)),
      ModelInfer: this.#known<InferMessage>((call, principal) => this.#infer(call, principal)),
    });
  }

  /** Resolves with the port that was taken. */
  listen(host: string, port: number): Promise<number> {
    const { keyPair } = this.#parts;
    const credentials =
      keyPair === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ cert_chain: keyPair.cert, private_key: keyPair.key }]);
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, taken) => (error === null ? resolve(taken) : reject(error)));
    });
  }

  /** Lets calls in flight end, and cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Who calls, and how often, before anything else. */
  #known<Message>(handler: Handler<Message>) {
    const { authenticator, limiter } = this.#parts;
    return answering<Message>(async (call) => {
      const principal = await authenticator.authenticate(credentialsOf(call));
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

  async #infer(call: Call<InferMessage>, principal: Principal): Promise<object> {
    const { inference, admission } = this.#parts;
    const { request } = call;
    const place = admission?.enter('predict');
    if (place instanceof Error) throw place;
    try {
      const context = this.#contextOf(call, principal);
      const reply = await inference.infer(
        {
          modelId: request.model_name,
          modelVersion: request.model_version || undefined,
          read: () => readInferMessage(request),
        },
        context,
      );
      return inferResponse(reply, request.id, request.raw_input_contents.length > 0);
    } finally {
      place?.();
    }
  }

  #contextOf(call: Call<unknown>, principal: Principal): CallContext {
    const requestId = textOf(call, 'x-request-id');
    const deadline = Number(call.getDeadline());
    const cancel = new AbortController();
    call.on('cancelled', () => cancel.abort());
    const caller = {
      cancel: cancel.signal,
      get gone() {
        return call.cancelled;
      },
    };
    return {
      requestId: requestId !== undefined && requestIdPattern.test(requestId) ? requestId : randomUUID(),
      arrivedAt: this.#parts.clock.monotonic(),
      principal,
      timeoutMs: Number.isFinite(deadline) ? Math.max(0, deadline - this.#parts.clock.now()) : undefined,
      caller,
    };
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

/** Answered to anybody, as health is. */
function open(answer: () => object) {
  return answering<unknown>(() => Promise.resolve(answer()));
}

function answering<Message>(answer: (call: Call<Message>) => Promise<object>) {
  return (call: Call<Message>, reply: sendUnaryData<object>): void => {
    answer(call).then(
      (message) => reply(null, message),
      (thrown: unknown) => reply(grpcError(thrown)),
    );
  };
}

function credentialsOf(call: Call<unknown>) {
  const apiKey = textOf(call, 'x-api-key');
  const authorization = textOf(call, 'authorization');
  const bearer = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  return {
    address: call.getPeer().replace(/:\d+$/, ''),
    ...(apiKey !== undefined && { apiKey }),
    ...(bearer !== undefined && { bearer }),
  };
}

function textOf(call: Call<unknown>, name: string): string | undefined {
  const [value] = call.metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}

function requireSight(principal: Principal, modelId: string): void {
  if (allows(principal, 'models:read') || allows(principal, `predict:${modelId}`)) return;
  throw new ServiceError('FORBIDDEN', 'This needs the scope models:read, or predict for this model');
}
