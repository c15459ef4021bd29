import type { Clock } from '../../shared/clock.js';
import { messageOf, ServiceError } from '../../shared/errors.js';
import { modelIdPattern } from '../../shared/names.js';
import type { CatalogueReadiness, ModelCatalogue, ModelDescription, ModelLease } from '../catalogue.js';
import type { LifecycleObserver, RegistryObserver } from '../observer.js';
import type { ModelsOptions } from '../options.js';
import type { Registry, RegistrySnapshot } from '../registry/registry.js';
import { problemText } from '../version-problem.js';
import { LoadQueue } from './load-queue.js';
import type { FeatureViewSources } from './stored-features.js';
import { TrackedModel, type TrackedVersion } from './tracked-model.js';
import type { VersionLoader } from './version-loader.js';
import { isUnsettled, type VersionAction } from './version-policy.js';
import { Version } from './version.js';
import type { Timers } from '../../shared/timers.js';

/** At the start the second look comes sooner, so that stable folders need not wait a whole interval. */
const secondLookMs = 100;

export interface CatalogueOptions {
  readonly options: Pick<ModelsOptions, 'poll_interval_ms' | 'drain_timeout_seconds' | 'max_resident'>;
  readonly registry: Registry;
  readonly loader: Pick<VersionLoader, 'load'>;
  readonly views: FeatureViewSources;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  readonly observer: RegistryObserver & LifecycleObserver;
}

/** Follows a registry: loads what is new, drains what is gone, lends out what is ready. */
export class Catalogue implements ModelCatalogue {
  readonly #options: CatalogueOptions;
  readonly #models = new Map<string, TrackedModel>();
  readonly #loads: LoadQueue;
  readonly #retiring = new Set<Promise<void>>();
  readonly #told = new Set<string>();
  #registryProblems: readonly string[] = [];
  #looking: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #looks = 0;
  #settled = false;
  #closed = false;

  constructor(options: CatalogueOptions) {
    this.#options = options;
    this.#loads = new LoadQueue(options);
  }

  /** Looks twice, loads what was found and goes on looking. Resolves when every version found has become ready or failed. */
  async start(): Promise<void> {
    await this.#lookTwice();
    this.#schedule();
    await this.#loads.idle();
  }

  /** Takes up what the registry holds now. Resolves when every version found has become ready or failed. */
  async takeUp(): Promise<void> {
    // One that is under way may have begun before.
    await this.#looking;
    await this.#lookTwice();
    await this.#loads.idle();
  }

  async #lookTwice(): Promise<void> {
    await this.look();
    const { poll_interval_ms } = this.#options.options;
    await this.#pause(Math.min(secondLookMs, poll_interval_ms));
    await this.look();
  }

  /** One look at the registry; never two at once. What is to be loaded is queued, not awaited. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** Stops looking, lets calls finish and drops every version. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    await this.#looking;
    await this.#loads.close();
    for (const model of this.#models.values())
      for (const tracked of model.versions.values()) this.#retire(model, tracked);
    await Promise.all(this.#retiring);
  }

  lease(modelId: string, reference?: string): ModelLease {
    const model = this.#models.get(modelId);
    if (model !== undefined) return model.lease(reference);
    throw this.#unknownModel(modelId, reference);
  }

  list(): readonly ModelDescription[] {
    const models = [...this.#models.values()].sort((a, b) => (a.modelId < b.modelId ? -1 : 1));
    return models.map((model) => model.describe(this.#options.views));
  }

  describe(modelId: string): ModelDescription | undefined {
    return this.#models.get(modelId)?.describe(this.#options.views);
  }

  /** What is wrong with the registry as a whole: an empty or absent folder. */
  problems(): readonly string[] {
    return this.#registryProblems;
  }

  readiness(): CatalogueReadiness {
    const states = this.#allVersions().map(({ version }) => version.life.state);
    this.#settled ||= this.#looks > 1 && this.#targetsSettled();
    return {
      settled: this.#settled,
      ready: states.filter((state) => state === 'ready').length,
      failed: states.filter((state) => state === 'failed').length,
      loading: states.filter(isUnsettled).length,
    };
  }

  #targetsSettled(): boolean {
    const targets = [...this.#models.values()].flatMap((model) => model.targets());
    return targets.every(({ version }) => !isUnsettled(version.life.state));
  }

  #allVersions(): TrackedVersion[] {
    return [...this.#models.values()].flatMap((model) => [...model.versions.values()]);
  }

  #unknownModel(modelId: string, reference: string | undefined): ServiceError {
    const details = { model_id: modelId, ...(reference !== undefined && { model_version: reference }) };
    if (this.#looks < 1) {
      return new ServiceError('SERVICE_UNAVAILABLE', 'The models are still being looked up', {
        details,
        retryAfterSeconds: 1,
      });
    }
    const shown = modelIdPattern.test(modelId) ? ` '${modelId}'` : '';
    return new ServiceError('MODEL_NOT_FOUND', `Model${shown} not found`, { details });
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#options.timers.after(milliseconds, resolve));
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#options.timers.after(this.#options.options.poll_interval_ms, () => {
      void this.look().finally(() => this.#schedule());
    });
  }

  async #lookOnce(): Promise<void> {
    try {
      this.#take(await this.#options.registry.scan());
      this.#looks++;
    } catch (error) {
      this.#tell(undefined, [`the registry could not be read: ${messageOf(error)}`]);
    }
  }

  #take(snapshot: RegistrySnapshot): void {
    if (this.#closed) return;
    const found = new Map(snapshot.models.map((model) => [model.modelId, model]));
    for (const modelId of found.keys())
      if (!this.#models.has(modelId)) this.#models.set(modelId, this.#newModel(modelId));
    for (const model of this.#models.values()) {
      const seen = found.get(model.modelId);
      if (seen !== undefined || isGone(model, snapshot)) model.update(seen);
      for (const action of model.actions(this.#loads.hasRoom)) this.#act(model, action);
    }
    for (const [modelId, model] of this.#models) if (!found.has(modelId) && model.empty) this.#models.delete(modelId);
    this.#tellAll(snapshot);
  }

  #newModel(modelId: string): TrackedModel {
    const { observer } = this.#options;
    return new TrackedModel({ modelId, observer, newVersion: (version) => this.#newVersion(modelId, version) });
  }

  #newVersion(modelId: string, version: string): Version {
    const { clock, observer } = this.#options;
    return new Version({ name: { modelId, version }, clock, observer });
  }

  #act(model: TrackedModel, action: VersionAction): void {
    const tracked = model.versions.get(action.version);
    if (tracked === undefined) return;
    switch (action.action) {
      case 'load':
        return this.#load(model, tracked, action.again);
      case 'retire':
        return this.#retire(model, tracked);
      case 'forget':
        tracked.version.become({ state: 'gone' });
        model.versions.delete(action.version);
        return model.refresh();
      case 'report_changed':
        return model.reportChanged(tracked);
    }
  }

  #load(model: TrackedModel, tracked: TrackedVersion, again: boolean): void {
    if (again) {
      tracked.version.become({ state: 'gone' });
      tracked.version = this.#newVersion(model.modelId, tracked.source.version);
    }
    this.#loads.add({
      version: tracked.version,
      source: () => (tracked.present && tracked.stable ? tracked.source : undefined),
      settled: () => model.refresh(),
    });
  }

  #retire(model: TrackedModel, tracked: TrackedVersion): void {
    let cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#options.timers.after(this.#options.options.drain_timeout_seconds * 1000, resolve);
    });
    const { version } = tracked;
    const held = version.life.state === 'ready';
    const retired = version
      .retire(timeout)
      .catch((error: unknown) => this.#options.observer.versionWarning({ ...version.name, message: messageOf(error) }))
      .finally(() => {
        cancel();
        if (held) this.#loads.leave();
        if (model.versions.get(version.name.version)?.version === version) model.versions.delete(version.name.version);
        this.#retiring.delete(retired);
        model.refresh();
      });
    this.#retiring.add(retired);
    model.refresh();
  }

  #tellAll(snapshot: RegistrySnapshot): void {
    const { observer } = this.#options;
    this.#registryProblems = snapshot.problems.map(problemText);
    const facts = new Set<string>();
    for (const { folder, reason } of snapshot.ignored) {
      const key = `ignored ${folder} ${reason}`;
      facts.add(key);
      if (!this.#told.has(key)) observer.folderIgnored({ folder, reason });
    }
    for (const key of this.#tell(undefined, this.#registryProblems)) facts.add(key);
    for (const model of this.#models.values())
      for (const key of this.#tell(model.modelId, model.problems)) facts.add(key);
    this.#told.clear();
    for (const key of facts) this.#told.add(key);
  }

  /** Tells each problem when it is first seen; it is told again only after it had gone. */
  #tell(modelId: string | undefined, problems: readonly string[]): string[] {
    return problems.map((problem) => {
      const key = `${modelId ?? ''} ${problem}`;
      if (!this.#told.has(key))
        this.#options.observer.registryProblem({ problem, ...(modelId !== undefined && { modelId }) });
      this.#told.add(key);
      return key;
    });
  }
}

/** Whether a model that was not found is not there, rather than out of sight. */
function isGone({ modelId }: TrackedModel, { complete, withdrawn }: RegistrySnapshot): boolean {
  return complete || withdrawn?.has(modelId) === true;
}
