import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.js';
import type { EventPublisher } from '../events/index.js';
import type { FeatureService } from '../features/index.js';
import type { GrpcServer } from '../grpc/index.js';
import { createHttpServer, type HttpServer, type MetricsText, type Readiness } from '../http/index.js';
import type { MessageChannel } from '../access/rate-limit/window-messages.js';
import type { ModelServers } from '../models/runtimes/remote/model-servers.js';
import type { MlflowRegistry } from '../models/registry/mlflow/mlflow-registry.js';
import type { Catalogue } from '../models/lifecycle/catalogue.js';
import type { ModelControl, ModelsObserver } from '../models/index.js';
import { accessObserver, overloadObserver } from '../observability/access-observer.js';
import { eventsObserver } from '../observability/events-observer.js';
import {
  mergeSnapshots,
  openMetricsContentType,
  renderMetrics,
  textContentType,
  wantsOpenMetrics,
  type MetricSnapshot,
} from '../observability/exposition.js';
import { featuresObserver } from '../observability/features-observer.js';
import { grpcObserver } from '../observability/grpc-observer.js';
import { httpObserver } from '../observability/http-observer.js';
import { mlflowObserver } from '../observability/mlflow-observer.js';
import { modelServersObserver } from '../observability/model-servers-observer.js';
import { modelsObserver } from '../observability/models-observer.js';
import { postgresObserver } from '../observability/postgres-observer.js';
import { PredictionMetrics } from '../observability/prediction-observer.js';
import { observersTogether, type Tracing } from '../observability/tracing/create-tracing.js';
import { redisObserver } from '../observability/redis-observer.js';
import type { AdmissionControl } from '../overload/index.js';
import { TensorInference, PredictionPipeline, type TensorService } from '../prediction/index.js';
import { systemClock } from '../shared/clock.js';
import { systemTimers } from '../shared/timers.js';
import { Lifecycle } from './lifecycle.js';
import { openAccess, type Access } from './open-access.js';
import { openAdmission } from './open-admission.js';
import { openEvents } from './open-events.js';
import { openTracing } from './open-tracing.js';
import { LoopDelay, readModels } from './read-gauges.js';
import { openDatabase } from './open-database.js';
import { openFeatures, openViews } from './open-features.js';
import { openCatalogue, openModelControl } from './open-models.js';
import { openGrpc } from './open-grpc.js';
import { mlflowWebhook, openMlflow } from './open-mlflow.js';
import { openModelServers } from './open-model-servers.js';
import { openRedis } from './open-redis.js';
import type { Service, StartFacts } from './operations.js';
import { packageVersion } from './package-version.js';
import { readinessOf } from './readiness.js';
import { readEventAccounts, type Telemetry } from './telemetry.js';
import { warmUp } from './warm-up.js';

/** What a process is among the others. */
export interface ProcessRole {
  /** Names the journal and the event file: unique among the workers that run at the same time. */
  readonly worker: string;
  /** To the owner of the rate windows; undefined where this process is alone and holds them itself. */
  readonly windows?: MessageChannel;
  /** The metrics of all processes. */
  readonly collect?: () => Promise<readonly (readonly MetricSnapshot[])[]>;
}

interface Parts {
  readonly features: FeatureService;
  readonly events: EventPublisher;
  readonly catalogue: Catalogue;
  readonly modelServers: ModelServers;
  /** undefined where none is configured. */
  readonly mlflow: MlflowRegistry | undefined;
  readonly access: Access;
  readonly admission: AdmissionControl;
  /** undefined without a collector. */
  readonly tracing: Tracing | undefined;
}

const noEvents = { offered: 0, delivered: 0, journaled: 0, dropped: 0, inMemory: 0 };

/** Time kept for what comes after the listener: events, models, stores. */
const closingMs = 3000;

/** One process that serves: everything that it is made of, constructed here and nowhere else. */
export class ProcessApp implements Omit<Service, 'crashed'> {
  readonly #config: Config;
  readonly #role: ProcessRole;
  readonly #telemetry: Telemetry;
  readonly #lifecycle: Lifecycle;
  #server: HttpServer | undefined;
  #grpc: GrpcServer | undefined;
  #events: EventPublisher | undefined;
  #stopBegun = 0;
  #warm = false;

  constructor(config: Config, role: ProcessRole, telemetry: Telemetry) {
    this.#config = config;
    this.#role = role;
    this.#telemetry = telemetry;
    const { logger } = telemetry;
    this.#lifecycle = new Lifecycle({
      stopFailed: (part, reason) => logger.error({ part, reason }, 'A part did not stop'),
    });
  }

  /**
   * Listens, then loads: /health answers and /ready says no until every version that counts has left loading.
   * @throws what kept a part from starting; what ran already is stopped.
   */
  async start(): Promise<StartFacts> {
    try {
      return await this.#start();
    } catch (error) {
      await this.#lifecycle.stop(closingMs);
      throw error;
    }
  }

  /** Not ready at once, serving on for the drain delay; then what is in flight ends, events are flushed, all is closed. */
  async stop(drainDelay = true): Promise<void> {
    const { shutdown_grace_seconds, ...http } = this.#config.inference_service.http;
    const drain_delay_seconds = drainDelay ? http.drain_delay_seconds : 0;
    this.#server?.beginDrain();
    this.#grpc?.beginDrain();
    this.#telemetry.logger.info({ drain_delay_seconds }, 'Stopping');
    await delay(drain_delay_seconds * 1000);
    this.#stopBegun = performance.now();
    await this.#lifecycle.stop(shutdown_grace_seconds * 1000);
  }

  async #start(): Promise<StartFacts> {
    const { host, port, http } = this.#config.inference_service;
    const { logger } = this.#telemetry;
    const parts = await this.#openParts();
    const loading = parts.catalogue.start();
    const closeMs = Math.max(1000, http.shutdown_grace_seconds * 1000 - closingMs);
    const server = await this.#openServer(parts);
    this.#server = this.#lifecycle.running('listener', server, (it) => it.close(closeMs));
    const url = await server.listen({ host, port });
    await loading;
    await warmUp({ ...parts, clock: systemClock, limits: this.#limits });
    this.#warm = true;
    logger.info({ url, worker: this.#role.worker }, 'Listening');
    return { port: Number(new URL(url).port), models: parts.catalogue.list() };
  }

  /** In this order: what is opened later is stopped earlier. */
  async #openParts(): Promise<Parts> {
    const { logger, metrics, lines, beforeSnapshot } = this.#telemetry;
    const { instruments } = metrics;
    const life = this.#lifecycle;
    const config = this.#config;
    life.running('log', lines, (it) => it.flushSync());
    life.running('summary', this, (it) => it.#sayStopped());
    const tracing = await openTracing(config, this.#telemetry);
    if (tracing !== undefined) life.running('tracing', tracing, (it) => it.close(closingMs / 3));
    const views = await openViews(config);
    const redis = await openRedis(config, redisObserver(instruments, logger));
    if (redis !== undefined) life.running('redis', redis, (it) => it.close());
    const database = await openDatabase(config, postgresObserver(instruments, logger));
    if (database !== undefined) life.running('database', database, (it) => it.close());
    const features = openFeatures(config, { views, redis, database }, featuresObserver(instruments, logger));
    life.running('features', features, (it) => it.close());
    const shared = { channel: this.#role.windows, redis, database };
    const access = await openAccess(config, shared, accessObserver(instruments, logger));
    life.running('access', access, (it) => it.close());
    const events = openEvents(config, this.#role.worker, eventsObserver(instruments, logger));
    this.#events = events;
    life.running('events', events, (it) => it.close(closingMs / 2));
    const admission = openAdmission(config, overloadObserver(instruments, logger));
    const models = modelsObserver(instruments, logger);
    const modelServers = openModelServers(config, modelServersObserver(instruments, logger));
    life.running('model servers', modelServers, (it) => it.close());
    const mlflow = await openMlflow(config, mlflowObserver(instruments, logger));
    if (mlflow !== undefined) life.running('MLflow', mlflow, (it) => it.close());
    const sources = { servers: modelServers, mlflow };
    const catalogue = openCatalogue(
      config,
      views,
      sources,
      tellingAdmission(models, admission, () => this.#warm),
    );
    life.running('models', catalogue, (it) => it.close());
    const loopDelay = new LoopDelay();
    beforeSnapshot(() => {
      readEventAccounts(metrics, events);
      instruments.inFlight.set(admission.inFlight);
      instruments.loopDelay.set(loopDelay.read());
      readModels(instruments, catalogue);
    });
    return { features, events, catalogue, modelServers, mlflow, access, admission, tracing };
  }

  /** Beside HTTP, where grpc.port is set. */
  async #listenGrpc(parts: Parts & { readonly control: ModelControl | null }, inference: TensorService): Promise<void> {
    const { host, grpc, http } = this.#config.inference_service;
    if (grpc.port === undefined) return;
    const { logger, metrics } = this.#telemetry;
    const collaborators = { ...parts, inference, beginTrace: parts.tracing?.begin };
    const server = await openGrpc(this.#config, collaborators, grpcObserver(metrics.instruments, logger));
    this.#grpc = this.#lifecycle.running('gRPC', server, (it) =>
      it.close(Math.max(1000, http.shutdown_grace_seconds * 1000 - closingMs)),
    );
    const port = await server.listen(host, grpc.port);
    logger.info({ port, worker: this.#role.worker }, 'gRPC listening');
  }

  async #openServer(parts: Parts): Promise<HttpServer> {
    const { inference_service: service } = this.#config;
    const { logger, lines, metrics } = this.#telemetry;
    const { tracing } = parts;
    const predictionMetrics = new PredictionMetrics(metrics.instruments, logger, lines);
    const core = {
      ...parts,
      observer: tracing === undefined ? predictionMetrics : observersTogether(predictionMetrics, tracing),
      clock: systemClock,
      limits: this.#limits,
      newId: randomUUID,
    };
    const inference = new TensorInference(core);
    const control = openModelControl(this.#config, parts.catalogue);
    await this.#listenGrpc({ ...parts, control }, inference);
    return createHttpServer({
      options: service.http,
      tls: service.tls,
      prediction: new PredictionPipeline(core),
      inference,
      catalogue: parts.catalogue,
      control,
      authenticator: parts.access.authenticator,
      limiter: parts.access.limiter,
      admission: parts.admission,
      readiness: () => this.#readiness(parts),
      mlflowWebhook: mlflowWebhook(service.mlflow.webhook_secret, parts.mlflow),
      metrics: (accept) => this.#scrape(accept),
      metricsProtected: service.auth.metrics === 'protected',
      countBatchInstances: service.rate_limit.count_batch_instances,
      observer: httpObserver(metrics.instruments, logger),
      clock: systemClock,
      timers: systemTimers,
      beginTrace: tracing?.begin,
      version: packageVersion(),
    });
  }

  get #limits() {
    const { http, timeout_seconds } = this.#config.inference_service;
    return {
      maxTimeoutMs: http.max_timeout_ms,
      maxBatchInstances: http.max_batch_instances,
      defaultTimeoutMs: timeout_seconds * 1000,
    };
  }

  #readiness(parts: Parts): Readiness {
    const readiness = readinessOf({ ...parts, registryProblems: () => parts.catalogue.problems() });
    return this.#warm ? readiness : { ...readiness, status: 'not_ready' };
  }

  /** What became of the events of this run, once nothing can change it any more. */
  #sayStopped(): void {
    const { offered, delivered, journaled, dropped, inMemory } = this.#events?.accounts() ?? noEvents;
    const events = { offered, delivered, journaled, dropped, in_memory: inMemory };
    const milliseconds = Math.round(performance.now() - this.#stopBegun);
    this.#telemetry.logger.info({ worker: this.#role.worker, events, milliseconds }, 'Stopped');
  }

  async #scrape(accept: string | undefined): Promise<MetricsText> {
    const openMetrics = wantsOpenMetrics(accept);
    const processes = (await this.#role.collect?.()) ?? [await this.#telemetry.snapshot()];
    return {
      contentType: openMetrics ? openMetricsContentType : textContentType,
      body: renderMetrics(mergeSnapshots(processes), openMetrics),
    };
  }
}

/** Waits behind the event loop say how long the queues of the models are; those on it are known to admission already. */
function tellingAdmission(models: ModelsObserver, admission: AdmissionControl, isWarm: () => boolean): ModelsObserver {
  return {
    ...models,
    batchRun: (run) => {
      // What ran before is warm-up, which nobody asked for.
      if (!isWarm()) return;
      models.batchRun(run);
      if (run.offLoop) admission.queueWaited(run.waitedUs / 1000);
    },
    explanationWaited: (facts) => {
      models.explanationWaited(facts);
      admission.queueWaited(facts.waitedUs / 1000);
    },
  };
}
