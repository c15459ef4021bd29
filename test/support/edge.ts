import { connect } from 'node:net';
import { Value } from '@sinclair/typebox/value';
import type { Authenticator, Credentials, Principal, RateDecision, RateLimiter } from '../../src/access/index.js';
import { createHttpServer, type HttpServer, type HttpServerParts } from '../../src/http/index.js';
import type { FinishedHttpRequest, HttpObserver } from '../../src/http/index.js';
import { httpOptions, type HttpOptions } from '../../src/http/options.js';
import type { ModelCatalogue, ModelDescription } from '../../src/models/index.js';
import type { BatchReply, CallContext, PredictionReply, PredictionService } from '../../src/prediction/index.js';
import { systemClock } from '../../src/shared/clock.js';
import { systemTimers } from '../../src/shared/timers.js';
import { ServiceError } from '../../src/shared/errors.js';
import { laneOptions } from './express-lane.js';

/** The HTTP edge with fakes behind all its ports, each of which a test may replace. */
export type EdgeOverrides = Partial<Omit<HttpServerParts, 'options'>> & { readonly options?: Partial<HttpOptions> };

export function edgeParts({ options, ...overrides }: EdgeOverrides = {}): HttpServerParts {
  return {
    options: { ...Value.Create(httpOptions), ...laneOptions, ...options },
    tls: { mode: 'off' },
    prediction: new FakePrediction(),
    inference: { infer: () => Promise.reject(new Error('The edge was not given an inference')) },
    catalogue: catalogueOf([mortgageDenial]),
    control: null,
    authenticator: authenticatorOf(everything),
    limiter: null,
    admission: null,
    readiness: () => ({ status: 'ready', checks: { cache: 'healthy' } }),
    metrics: (accept) => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: `# ${accept}\n` }),
    metricsProtected: false,
    countBatchInstances: false,
    observer: new RecordingHttpObserver(),
    clock: systemClock,
    timers: systemTimers,
    version: '0.0.0',
    ...overrides,
  };
}

export const everything: Principal = { id: 'key-1', clientId: 'risk team', scopes: ['admin'] };

export const createEdge = (overrides: EdgeOverrides = {}): Promise<HttpServer> =>
  createHttpServer(edgeParts(overrides));

/** Answers every body with the same prediction, and keeps what it was asked. */
export class FakePrediction implements PredictionService {
  readonly asked: { readonly body: Buffer; readonly call: CallContext }[] = [];
  /** What happens before the answer. */
  before: (call: CallContext) => Promise<void> | void = () => undefined;

  async predict(body: Buffer, call: CallContext): Promise<PredictionReply> {
    this.asked.push({ body, call });
    await this.before(call);
    return {
      request_id: call.requestId,
      model_id: 'mortgage_denial',
      model_version: '1.1.0',
      prediction: { denial_probability: 0.07, risk_score: 7 },
      confidence: 0.93,
      latency_ms: 0.4,
      timestamp: '2026-01-15T10:30:00.000Z',
      cached: false,
    };
  }

  async predictBatch(body: Buffer, call: CallContext): Promise<BatchReply> {
    this.asked.push({ body, call });
    await this.before(call);
    const error = { error_code: 'FEATURE_VALIDATION_FAILED', message: 'no', details: {} } as const;
    return {
      request_id: call.requestId,
      model_id: 'mortgage_denial',
      model_version: '1.1.0',
      results: [
        { index: 0, prediction: { risk_score: 7 }, confidence: null, cached: true },
        { index: 1, error },
      ],
      latency_ms: 0.4,
      timestamp: '2026-01-15T10:30:00.000Z',
    };
  }
}

export const mortgageDenial: ModelDescription = {
  model_id: 'mortgage_denial',
  versions: [
    { version: '1.1.0', state: 'ready', reasons: [], aliases: ['production'], features: { type: 'object' } },
    { version: '1.0.0', state: 'failed', reasons: ['model.onnx is no ONNX file'], aliases: [] },
  ],
  aliases: { production: '1.1.0' },
  default_version: '1.1.0',
  problems: [],
};

export function catalogueOf(models: readonly ModelDescription[]): ModelCatalogue {
  return {
    lease: () => {
      throw new Error('The edge leases nothing');
    },
    list: () => models,
    describe: (id) => models.find((model) => model.model_id === id),
    readiness: () => ({ settled: true, ready: models.length, failed: 0, loading: 0 }),
  };
}

/** Everybody is `principal`. */
export function authenticatorOf(principal: Principal): Authenticator {
  return { authenticate: () => principal, close: () => Promise.resolve() };
}

/** Knows one key, `secret`; answers by a promise where `slow`. Keeps the credentials that it saw. */
export class OneKeyAuthenticator implements Authenticator {
  readonly seen: Credentials[] = [];
  readonly #principal: Principal;
  readonly #slow: boolean;

  constructor(principal: Principal, slow = false) {
    this.#principal = principal;
    this.#slow = slow;
  }

  authenticate(credentials: Credentials): Principal | Promise<Principal> {
    this.seen.push(credentials);
    if (!this.#slow) return this.#decide(credentials);
    return Promise.resolve().then(() => this.#decide(credentials));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #decide({ apiKey, bearer }: Credentials): Principal {
    if (apiKey === 'secret' || bearer === 'secret') return this.#principal;
    throw new ServiceError('UNAUTHORIZED', 'Credentials are missing or not valid');
  }
}

/** Gives the same decision to all, and keeps the weights that were asked of it. */
export class FakeLimiter implements RateLimiter {
  readonly weights: number[] = [];
  readonly #decision: RateDecision;

  constructor(decision: RateDecision) {
    this.#decision = decision;
  }

  take(_principal: Principal, weight: number): RateDecision {
    this.weights.push(weight);
    return this.#decision;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class RecordingHttpObserver implements HttpObserver {
  readonly finished: FinishedHttpRequest[] = [];
  readonly facts: string[] = [];

  requestFinished(request: FinishedHttpRequest): void {
    this.finished.push(request);
  }

  protocolError(reason: string): void {
    this.facts.push(`protocol error: ${reason}`);
  }

  connectionRefused(): void {
    this.facts.push('connection refused');
  }

  certificateReloaded(): void {
    this.facts.push('certificate reloaded');
  }

  certificateRefused(reason: string): void {
    this.facts.push(`certificate refused: ${reason}`);
  }
}

/** One reply as it came over a socket. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Sends bytes to a server and gives everything that comes back until the server closes the connection. */
export function sendRaw(url: string, bytes: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    // A reset after the reply: what had come is what counts.
    socket.on('error', (error) =>
      chunks.length > 0 ? resolve(Buffer.concat(chunks).toString('latin1')) : reject(error),
    );
  });
}

/** The last reply in what came over a socket. */
export function parseReply(text: string): RawReply {
  const start = [...text.matchAll(/HTTP\/1\.1 \d{3} /g)].at(-1)?.index ?? text.length;
  const [head = '', ...rest] = text.slice(start).split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}
