import type { EventPublisher } from '../events/index.js';
import type { FeatureService } from '../features/index.js';
import type { ModelCatalogue, ServingVersion } from '../models/index.js';
import type { Clock } from '../shared/clock.js';
import type { Deadline } from '../shared/deadline.js';
import { toServiceError, type ServiceError } from '../shared/errors.js';
import { startRow } from './assemble-features.js';
import { authorise } from './authorise.js';
import { BodyReader } from './body/body-reader.js';
import type { EnvelopeLimits } from './body/envelope.js';
import { explainRows } from './explain-rows.js';
import { FeaturePlans } from './feature-plan.js';
import type { PredictionObserver } from './observer.js';
import { PredictionRun } from './prediction-run.js';
import { readStoredFeatures } from './read-stored-features.js';
import { finishedRequest, recordOf } from './record.js';
import { batchReply, predictionReply } from './reply.js';
import { failOpenRows, runModel, wholeFailure } from './run-model.js';
import type { BatchReply, CallContext, PredictionReply, PredictionService } from './types.js';

export interface PipelineParts {
  readonly catalogue: ModelCatalogue;
  readonly features: FeatureService;
  readonly events: Pick<EventPublisher, 'record'>;
  readonly observer: PredictionObserver;
  readonly clock: Clock;
  readonly limits: EnvelopeLimits & { readonly defaultTimeoutMs: number };
  /** A fresh, unique id for each event. */
  readonly newId: () => string;
}

/**
 * The way of a prediction, once and in order. Before it: context, authentication, rate limit and admission (http/).
 *
 *     parse and validate the envelope → authorise → resolve the model → assemble and validate features → run the model
 *       → explain if asked → format → reply, and record the event
 */
export class PredictionPipeline implements PredictionService {
  readonly #parts: PipelineParts;
  readonly #bodies: BodyReader;
  readonly #plans: FeaturePlans;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#bodies = new BodyReader(parts.limits);
    this.#plans = new FeaturePlans(parts.features.views);
  }

  async predict(body: Buffer, call: CallContext): Promise<PredictionReply> {
    const run = new PredictionRun(call, this.#parts.clock, false);
    try {
      const request = this.#bodies.prediction(body);
      run.begin(request, [request]);
      await this.#answer(run);
      const reply = this.#finish(run, predictionReply);
      await this.#record(run, undefined);
      return reply;
    } catch (thrown) {
      throw await this.#fail(run, toServiceError(thrown));
    }
  }

  async predictBatch(body: Buffer, call: CallContext): Promise<BatchReply> {
    const run = new PredictionRun(call, this.#parts.clock, true);
    try {
      const request = this.#bodies.batch(body);
      run.begin(request, request.instances);
      await this.#answer(run);
      const reply = this.#finish(run, batchReply);
      await this.#record(run, undefined);
      return reply;
    } catch (thrown) {
      throw await this.#fail(run, toServiceError(thrown));
    }
  }

  async #answer(run: PredictionRun): Promise<void> {
    const deadline = run.deadline(this.#parts.limits.defaultTimeoutMs);
    const modelId = run.modelId ?? '';
    run.stageMs.parse = run.lap();
    authorise(run.call.principal, modelId);
    const lease = this.#parts.catalogue.lease(modelId, run.modelVersion);
    try {
      run.version = lease.version;
      const reading = this.#assemble(run, lease.version, deadline);
      if (reading !== undefined) await reading;
      run.stageMs.features = run.lap();
      deadline.check('features', run.lappedAt);
      const running = runModel(run, deadline);
      if (running !== undefined) await running;
      run.stageMs.model = run.lap();
      deadline.check('model', run.lappedAt);
      if (run.options?.includeExplanation === true) {
        await explainRows(run, deadline);
        run.stageMs.explanation = run.lap();
      }
    } finally {
      lease.release();
    }
  }

  #assemble(run: PredictionRun, version: ServingVersion, deadline: Deadline): Promise<void> | undefined {
    const plan = this.#plans.of(version);
    for (const row of run.open) {
      try {
        row.assembled = startRow(plan, row.instance);
      } catch (thrown) {
        row.error = toServiceError(thrown);
      }
    }
    return readStoredFeatures(plan, run, { features: this.#parts.features, deadline });
  }

  /** Every row has its outcome. A single prediction fails as its row did, a batch when no row was answered in time. */
  #finish<Reply>(run: PredictionRun, format: (run: PredictionRun, timestampMs: number) => Reply): Reply {
    const failure = wholeFailure(run);
    if (failure !== undefined) throw failure;
    run.finish();
    return format(run, this.#parts.clock.now());
  }

  async #fail(run: PredictionRun, error: ServiceError): Promise<ServiceError> {
    failOpenRows(run, error);
    run.finish();
    await this.#record(run, error);
    return error;
  }

  /** One event a row, or one for a request whose rows never became known. The reply waits only where events are journaled. */
  #record(run: PredictionRun, error: ServiceError | undefined): Promise<void> | void {
    const { events, newId, observer } = this.#parts;
    let written: Promise<void> | void = undefined;
    const count = Math.max(1, run.rows.length);
    for (let index = 0; index < count; index++)
      written = events.record(recordOf(run, index, { eventId: newId(), error })) ?? written;
    observer.requestFinished(finishedRequest(run, error));
    return written;
  }
}
