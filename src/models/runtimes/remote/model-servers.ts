import { CircuitBreaker } from '../../../resilience/circuit-breaker.js';
import { RetryBudget } from '../../../resilience/retry-budget.js';
import type { Clock } from '../../../shared/clock.js';
import type { ModelServerObserver } from '../../model-server-observer.js';
import { ServerClient } from './server-client.js';

export interface ModelServersOptions {
  /** Time limit of one attempt in milliseconds (model_server.timeout_ms). */
  readonly timeoutMs: number;
  readonly failureThreshold: number;
  readonly recoveryMs: number;
  /** The server of model_server.url; others never see its key. */
  readonly own?: { readonly url: string; readonly apiKey?: string | undefined } | undefined;
  readonly clock: Clock;
  readonly observer: ModelServerObserver;
}

/** What one model on one server shares over all its versions and lives. */
export interface RemoteBackend {
  readonly client: ServerClient;
  readonly breaker: CircuitBreaker;
  readonly budget: RetryBudget;
}

/** Failures in a row that open a breaker: calls to a server that hangs are too few for a share of them to mean anything. */
const failuresInRow = 5;

/** The remote model servers of a process: connections by server, and a breaker by server and model. */
export class ModelServers {
  readonly options: ModelServersOptions;
  readonly #clients = new Map<string, ServerClient>();
  readonly #backends = new Map<string, RemoteBackend>();

  constructor(options: ModelServersOptions) {
    this.options = options;
  }

  /** @throws TypeError when `url` is none */
  client(url: string): ServerClient {
    let client = this.#clients.get(url);
    if (client === undefined) {
      client = new ServerClient(url, this.#headersFor(url), this.options.timeoutMs);
      this.#clients.set(url, client);
    }
    return client;
  }

  /** @throws TypeError when `url` is none */
  backend(url: string, modelId: string): RemoteBackend {
    const key = `${url} ${modelId}`;
    let backend = this.#backends.get(key);
    if (backend === undefined) {
      const client = this.client(url);
      backend = { client, breaker: this.#newBreaker(modelId, client.server), budget: new RetryBudget() };
      this.#backends.set(key, backend);
    }
    return backend;
  }

  /** Whether every breaker lets calls through. */
  health(): 'healthy' | 'degraded' {
    const closed = [...this.#backends.values()].every(({ breaker }) => breaker.state === 'closed');
    return closed ? 'healthy' : 'degraded';
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  #headersFor(url: string): Record<string, string> {
    const { own } = this.options;
    return own?.apiKey === undefined || own.url !== url ? {} : { 'x-api-key': own.apiKey };
  }

  #newBreaker(modelId: string, server: string): CircuitBreaker {
    const { failureThreshold, recoveryMs, clock, observer } = this.options;
    const onChange = (state: CircuitBreaker['state']) => observer.breakerChanged({ modelId, server, state });
    return new CircuitBreaker({ failureThreshold, recoveryMs, failuresInRow }, { clock, onChange });
  }
}
