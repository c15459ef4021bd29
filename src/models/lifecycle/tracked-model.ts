import { ServiceError } from '../../shared/errors.js';
import type { ModelDescription, ModelLease } from '../catalogue.js';
import { describeVersion } from '../describe/describe-version.js';
import type { LifecycleObserver } from '../observer.js';
import type { RegistryModel, RegistryVersion } from '../registry/registry.js';
import { compareVersions } from '../registry/version-name.js';
import { problemText } from '../version-problem.js';
import type { FeatureViewSources } from './stored-features.js';
import type { Version } from './version.js';
import {
  decide,
  highest,
  highestReady,
  isUnsettled,
  productionAlias,
  resolveAlias,
  type AliasTargetState,
  type VersionAction,
  type VersionSnapshot,
} from './version-policy.js';

/** A version that the catalogue follows, and what the last look at the registry said of it. */
export interface TrackedVersion {
  version: Version;
  /** As last seen. */
  source: RegistryVersion;
  present: boolean;
  stable: boolean;
}

export interface TrackedModelOptions {
  readonly modelId: string;
  readonly observer: Pick<LifecycleObserver, 'aliasMoved' | 'changedInPlace'>;
  readonly newVersion: (version: string) => Version;
}

/** One model: its versions, which of them its aliases mean, and which answers. */
export class TrackedModel {
  readonly modelId: string;
  readonly versions = new Map<string, TrackedVersion>();
  readonly #options: TrackedModelOptions;
  /** As written in aliases.yaml; undefined while that cannot be read. */
  #declared: ReadonlyMap<string, string> | undefined = new Map();
  /** As requests are answered. */
  readonly #aliases = new Map<string, string>();
  #problems: readonly string[] = [];
  #highestReady: string | null = null;

  constructor(options: TrackedModelOptions) {
    this.modelId = options.modelId;
    this.#options = options;
  }

  /** Takes in what the registry holds now; undefined: it no longer holds this model. */
  update(found: RegistryModel | undefined): void {
    const seen = new Set(found?.versions.map(({ version }) => version));
    for (const tracked of this.versions.values()) {
      if (!seen.has(tracked.source.version) && found?.complete !== false) tracked.present = false;
    }
    for (const source of found?.versions ?? []) this.#see(source);
    this.#declared = found === undefined ? new Map() : found.aliases;
    this.#problems = (found?.problems ?? []).map(problemText);
    this.refresh();
  }

  #see(source: RegistryVersion): void {
    const known = this.versions.get(source.version);
    if (known === undefined) {
      const version = this.#options.newVersion(source.version);
      this.versions.set(source.version, {
        version,
        source,
        present: true,
        stable: source.arrival !== undefined && source.arrival !== 'under_way',
      });
      return;
    }
    known.stable = isStable(source, known);
    known.source = source;
    known.present = true;
  }

  /** What to do next. `room`: further versions may be taken into memory. */
  actions(room: boolean): VersionAction[] {
    const snapshots = [...this.versions.values()].map((tracked) => snapshotOf(tracked, this.#isHeld(tracked)));
    return decide(snapshots, new Set(this.#declared?.values()), room);
  }

  /** An alias answers by it that is to move elsewhere. */
  #isHeld({ source: { version } }: TrackedVersion): boolean {
    return [...this.#aliases].some(([alias, current]) => current === version && this.#declared?.get(alias) !== version);
  }

  /** Tells, once, that a ready version's files changed. */
  reportChanged(tracked: TrackedVersion): void {
    if (tracked.version.changedInPlace) return;
    tracked.version.changedInPlace = true;
    this.#options.observer.changedInPlace(tracked.version.name);
  }

  /** Works out again which version each alias means, all at once. Called whenever a version's state or the aliases change. */
  refresh(): void {
    const states = [...this.versions.values()].map(({ version }) => ({
      version: version.name.version,
      state: version.life.state,
    }));
    this.#highestReady = highestReady(states);
    if (this.#declared === undefined) return;
    const stateOf = (version: string) => aliasTargetState(this.versions.get(version));
    for (const alias of [...this.#aliases.keys()]) if (!this.#declared.has(alias)) this.#move(alias, null);
    for (const [alias, declared] of this.#declared) {
      this.#move(alias, resolveAlias(declared, this.#aliases.get(alias) ?? null, stateOf));
    }
  }

  #move(alias: string, to: string | null): void {
    const from = this.#aliases.get(alias) ?? null;
    if (from === to) return;
    if (to === null) this.#aliases.delete(alias);
    else this.#aliases.set(alias, to);
    this.#options.observer.aliasMoved({ modelId: this.modelId, alias, from, to });
  }

  /** @throws ServiceError as ModelCatalogue.lease does. */
  lease(reference: string | undefined): ModelLease {
    const version = this.#versionMeant(reference);
    const tracked = version === null ? undefined : this.versions.get(version);
    const lease = tracked?.version.lease();
    if (lease !== undefined) return { version: lease.loaded.serving, release: lease.release };
    throw this.#noLease(reference);
  }

  #versionMeant(reference: string | undefined): string | null {
    if (reference === undefined) {
      const production = this.#aliases.get(productionAlias);
      return production ?? (this.#declared === undefined ? null : this.#highestReady);
    }
    return reference.startsWith('@') ? (this.#aliases.get(reference.slice(1)) ?? null) : reference;
  }

  #noLease(reference: string | undefined): ServiceError {
    const details = { model_id: this.modelId, ...(reference !== undefined && { model_version: reference }) };
    const what = `Model '${this.modelId}'${reference === undefined ? '' : ` version '${reference}'`}`;
    if (this.#exists(reference)) {
      return new ServiceError('SERVICE_UNAVAILABLE', `${what} is not ready`, { details, retryAfterSeconds: 1 });
    }
    return new ServiceError('MODEL_NOT_FOUND', `${what} not found`, { details });
  }

  #exists(reference: string | undefined): boolean {
    if (reference?.startsWith('@')) return this.#declared === undefined || this.#declared.has(reference.slice(1));
    if (reference !== undefined) return isAlive(this.versions.get(reference));
    return this.#declared === undefined || this.#declared.size > 0 || [...this.versions.values()].some(isAlive);
  }

  /** Versions that an alias means, and the one that "highest" will mean; those still at work keep the service from being ready. */
  targets(): TrackedVersion[] {
    const top = highest(
      [...this.versions.values()].filter(({ version }) => version.life.state !== 'failed').map(versionOf),
    );
    const names = new Set([...(this.#declared?.values() ?? []), ...(top === null ? [] : [top])]);
    return [...names].flatMap((name) => this.versions.get(name) ?? []);
  }

  get empty(): boolean {
    return this.versions.size === 0 && this.#problems.length === 0;
  }

  get problems(): readonly string[] {
    return [...this.#problems, ...this.#aliasProblems()];
  }

  #aliasProblems(): string[] {
    return [...(this.#declared ?? [])].flatMap(([alias, declared]) => {
      const state = this.versions.get(declared)?.version.life.state;
      if (state === undefined) return [`alias ${alias} means version ${declared}, which does not exist`];
      const current = this.#aliases.get(alias);
      if (state === 'failed' && current === declared) return [`alias ${alias} means version ${declared}, which failed`];
      return (isUnsettled(state) || state === 'failed') && current !== declared
        ? [`alias ${alias} moves from ${current} to ${declared} once that is ready`]
        : [];
    });
  }

  describe(views: FeatureViewSources): ModelDescription {
    const tracked = [...this.versions.values()].sort((a, b) => compareVersions(a.source.version, b.source.version));
    const meant = this.#versionMeant(undefined);
    const answers = meant !== null && this.versions.get(meant)?.version.life.state === 'ready';
    return {
      model_id: this.modelId,
      versions: tracked.map(({ version }) => describeVersion(version, this.#aliasesOf(version.name.version), views)),
      aliases: Object.fromEntries(this.#aliases),
      default_version: answers ? meant : null,
      problems: this.problems,
    };
  }

  #aliasesOf(version: string): string[] {
    return [...this.#aliases].filter(([, target]) => target === version).map(([alias]) => alias);
  }
}

/** Its files are what they will be: the registry says so, or the look before saw the same. */
function isStable({ arrival, fingerprint }: RegistryVersion, { present, source }: TrackedVersion): boolean {
  return arrival === undefined ? present && source.fingerprint === fingerprint : arrival !== 'under_way';
}

/** It answers, or may come to. */
function isAlive(tracked: TrackedVersion | undefined): boolean {
  const state = tracked?.version.life.state ?? 'gone';
  return state !== 'draining' && state !== 'gone';
}

function versionOf({ source }: TrackedVersion): { readonly version: string } {
  return { version: source.version };
}

function aliasTargetState(tracked: TrackedVersion | undefined): AliasTargetState | undefined {
  const life = tracked?.version.life;
  return life?.state === 'failed' && life.retryInMs !== undefined ? 'passing' : life?.state;
}

function snapshotOf({ version, source, present, stable }: TrackedVersion, held: boolean): VersionSnapshot {
  const { life } = version;
  return {
    version: source.version,
    state: life.state,
    present,
    stable,
    changed: 'fingerprint' in life && life.fingerprint !== source.fingerprint,
    mayRetry: version.mayRetry,
    held,
  };
}
