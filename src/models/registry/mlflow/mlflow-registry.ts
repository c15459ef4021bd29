import { join } from 'node:path';
import type { Clock } from '../../../shared/clock.js';
import { messageOf } from '../../../shared/errors.js';
import type { MlflowObserver } from '../../mlflow-observer.js';
import type { VersionProblem } from '../../version-problem.js';
import type { IgnoredFolder, Registry, RegistryModel, RegistrySnapshot, RegistryVersion } from '../registry.js';
import { KeptIndex } from './kept-index.js';
import { LookUp, type LookUpOptions } from './look-up.js';
import { MlflowClient, type MlflowCredentials } from './mlflow-client.js';
import type { MlflowVersion } from './registered-models.js';
import type { IndexedModel } from './registry-index.js';
import { VersionCopies, type VersionCopy } from './version-copies.js';
import { VersionFetches, type WantedVersion } from './version-fetches.js';
import type { Timers } from '../../../shared/timers.js';

export interface MlflowRegistryOptions {
  readonly trackingUri: string;
  readonly credentials: MlflowCredentials;
  /** Of one call, in milliseconds. */
  readonly timeoutMs: number;
  /** How often MLflow is asked. */
  readonly pollMs: number;
  readonly lookUp: LookUpOptions;
  /** Bytes of one version, and the time that fetching it may take. */
  readonly maxVersionBytes: number;
  readonly downloadMs: number;
  /** `<model_id>` or `<model_id>/<version>` → scoring server; `{version}` in it is replaced. */
  readonly scoringUrls: ReadonlyMap<string, string>;
  /** Where copies are kept, below the data folder. */
  readonly folder: string;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  readonly observer: MlflowObserver;
}

/** The first look waits no longer for MLflow. */
const firstWaitMs = 3000;

/**
 * Models from an MLflow registry. A look never waits for it, the first one apart: MLflow is asked beside it, versions are fetched beside
 * it, and what was known last holds while it is out of reach, over a restart too.
 */
export class MlflowRegistry implements Registry {
  readonly #options: MlflowRegistryOptions;
  readonly #client: MlflowClient;
  readonly #lookUp: LookUp;
  readonly #fetches: VersionFetches;
  readonly #kept: KeptIndex;
  /** undefined: nothing is known yet. */
  #models: readonly IndexedModel[] | undefined;
  #ignored: readonly IgnoredFolder[] = [];
  /** What makes a version of each model `production`, as the observer knows it. */
  readonly #told = new Map<string, string | undefined>();
  #problem: string | undefined;
  #askedAt: number | undefined;
  #asking: Promise<void> | undefined;
  #askAgain = false;
  #closed = false;
  #changed: () => void = () => undefined;

  /** @throws TypeError when the address is none */
  constructor(options: MlflowRegistryOptions) {
    this.#options = options;
    const { trackingUri, credentials, timeoutMs, folder, clock, observer } = options;
    this.#client = new MlflowClient(trackingUri, credentials, timeoutMs);
    this.#lookUp = new LookUp(this.#client, options.lookUp);
    this.#kept = new KeptIndex(join(folder, 'registry.json'), trackingUri);
    const copies = new VersionCopies(join(folder, 'models'), clock);
    const { maxVersionBytes: maxBytes, downloadMs } = options;
    const onChange = () => this.#changed();
    const parts = { client: this.#client, copies, maxBytes, timeoutMs: downloadMs, clock, observer, onChange };
    this.#fetches = new VersionFetches(parts);
  }

  /** `listener` is called when another look would show something new. */
  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  async scan(): Promise<RegistrySnapshot> {
    if (this.#askedAt === undefined) await this.#first();
    else if (await this.#isDue(this.#askedAt)) void this.#ask();
    this.#want();
    return this.#snapshot();
  }

  /** Asks now; a question that is under way is asked once more, as it may have come too early. */
  refresh(): void {
    if (this.#asking !== undefined) this.#askAgain = true;
    else void this.#ask();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client.close();
    await this.#fetches.close();
    await this.#asking;
  }

  async #first(): Promise<void> {
    this.#models = await this.#kept.read();
    this.#want();
    const waited = new Promise<void>((resolve) => this.#options.timers.after(firstWaitMs, resolve));
    await Promise.race([this.#ask().then(() => this.#fetches.idle()), waited]);
  }

  /** A webhook reaches one process: the others see that it has learned something. */
  async #isDue(askedAt: number): Promise<boolean> {
    const { clock, pollMs } = this.#options;
    return (await this.#kept.changedByOther()) || clock.monotonic() - askedAt >= pollMs;
  }

  #ask(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#askedAt = this.#options.clock.monotonic();
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined;
      if (!this.#askAgain) return;
      this.#askAgain = false;
      void this.#ask();
    });
    return this.#asking;
  }

  async #askOnce(): Promise<void> {
    const { observer } = this.#options;
    const before = JSON.stringify([this.#models, this.#problem]);
    try {
      const { models, ignored } = await this.#lookUp.ask();
      this.#tellProduction(models);
      this.#models = models;
      this.#ignored = ignored;
      this.#problem = undefined;
      observer.registryAsked({ answered: true });
      this.#want();
      await this.#kept.write(models);
      await this.#fetches.tidy();
    } catch (error) {
      if (this.#closed) return;
      this.#problem = `MLflow ${messageOf(error)}`;
      observer.registryAsked({ answered: false });
    }
    if (JSON.stringify([this.#models, this.#problem]) !== before) this.#changed();
  }

  #tellProduction(models: readonly IndexedModel[]): void {
    for (const { modelId, productionBy } of models) {
      if (this.#told.has(modelId) && this.#told.get(modelId) === productionBy) continue;
      this.#told.set(modelId, productionBy);
      this.#options.observer.productionChosen({ modelId, by: productionBy });
    }
  }

  /** Those that aliases name are brought first, then from the highest down. */
  #want(): void {
    const models = this.#models ?? [];
    const named = models.flatMap((model) => wantedOf(model).filter((wanted) => isNamed(model, wanted)));
    const others = models.flatMap((model) => wantedOf(model).filter((wanted) => !isNamed(model, wanted)));
    this.#fetches.want([...named.reverse(), ...others.reverse()]);
  }

  #snapshot(): RegistrySnapshot {
    const problems: VersionProblem[] = [];
    if (this.#problem !== undefined) {
      problems.push({ file: 'mlflow.tracking_uri', message: this.#problem, severity: 'error' });
    }
    const models = (this.#models ?? []).map((model) => this.#modelOf(model));
    // What was known last is what counts: only where nothing ever was may there be more.
    return { models, ignored: this.#ignored, complete: this.#models !== undefined, problems };
  }

  #modelOf(model: IndexedModel): RegistryModel {
    const { modelId, problems } = model;
    const aliases = new Map(model.aliases);
    const versions = wantedOf(model).map((wanted) => this.#versionOf(wanted));
    return { modelId, versions, aliases, complete: true, problems };
  }

  #versionOf(wanted: WantedVersion): RegistryVersion {
    const { version } = wanted.version;
    const arrival = this.#fetches.arrivalOf(wanted);
    switch (arrival.state) {
      case 'under_way':
        return { version, folder: '', fingerprint: '', arrival: 'under_way', problems: [] };
      case 'failed': {
        const problems: VersionProblem[] = [{ file: 'MLflow', message: arrival.reason, severity: 'error' }];
        const how = arrival.lasting ? 'whole' : 'delayed';
        return { version, folder: '', fingerprint: `failed: ${arrival.reason}`, arrival: how, problems };
      }
      case 'whole':
        return { version, arrival: 'whole', ...this.#loadable(wanted, arrival.copy) };
    }
  }

  /** How a version computes: in this process, or on the scoring server that the configuration names for it. */
  #loadable(
    { modelId, name, version }: WantedVersion,
    { folder, digest, onnx, flavours }: VersionCopy,
  ): Pick<RegistryVersion, 'folder' | 'fingerprint' | 'problems' | 'remote'> {
    const url = scoringUrl(this.#options.scoringUrls, modelId, version);
    if (url !== undefined) {
      const remote = { runtime: 'mlflow', url, model: name, version: version.version } as const;
      return { folder, fingerprint: `${digest} ${url}`, problems: [], remote };
    }
    if (onnx) return { folder, fingerprint: digest, problems: [] };
    const message = `has the flavours ${flavours.join(', ')}, of which none computes here: log it with mlflow.onnx, or name its scoring server in mlflow.scoring_urls`;
    return { folder, fingerprint: digest, problems: [{ file: 'MLmodel', message, severity: 'error' }] };
  }
}

function wantedOf({ modelId, name, versions }: IndexedModel): WantedVersion[] {
  return versions.map((version) => ({ modelId, name, version }));
}

function isNamed({ aliases }: IndexedModel, { version }: WantedVersion): boolean {
  return aliases.some(([, named]) => named === version.version);
}

function scoringUrl(
  urls: ReadonlyMap<string, string>,
  modelId: string,
  { version }: MlflowVersion,
): string | undefined {
  return urls.get(`${modelId}/${version}`) ?? urls.get(modelId)?.replaceAll('{version}', version);
}
