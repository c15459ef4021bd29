import { createHash } from 'node:crypto';
import type { Clock } from '../../../shared/clock.js';
import { messageOf } from '../../../shared/errors.js';
import { MlmodelError, mlmodelFile } from '../../mlflow/mlmodel.js';
import type { MlflowObserver } from '../../mlflow-observer.js';
import { findArtifacts } from './artifacts.js';
import { fetchVersion, type FetchedVersion } from './fetch-version.js';
import type { MlflowClient } from './mlflow-client.js';
import type { MlflowVersion } from './registered-models.js';
import type { CopyPlace, Draft, VersionCopies, VersionCopy } from './version-copies.js';

/** A version that is to be on this machine. */
export interface WantedVersion {
  readonly modelId: string;
  readonly name: string;
  readonly version: MlflowVersion;
}

/** Where a wanted version is on its way here. */
export type Arrival =
  | { readonly state: 'under_way' }
  | { readonly state: 'whole'; readonly copy: VersionCopy }
  /** `lasting`: it is what the model says of itself. */
  | { readonly state: 'failed'; readonly reason: string; readonly lasting: boolean };

export interface VersionFetchesOptions {
  readonly client: MlflowClient;
  readonly copies: VersionCopies;
  readonly maxBytes: number;
  /** Of one version. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly observer: MlflowObserver;
  /** Something has arrived, or failed. */
  readonly onChange: () => void;
}

/** Versions fetched at once. */
const parallel = 2;
const firstRetryMs = 5000;
const longestRetryMs = 300_000;
/** Another process fetches it: that is looked at again after this. */
const otherProcessMs = 500;
/** A copy is kept for so long after the last time that it was wanted: aliases move back. */
const keptMs = 600_000;
const tidyEveryMs = 60_000;

interface Tracked {
  readonly wanted: WantedVersion;
  readonly place: CopyPlace;
  arrival: Arrival;
  attempts: number;
  /** On the monotonic clock; no try before. */
  notBefore: number;
  working: boolean;
}

/** Brings wanted versions here, a few at a time; what failed is tried again, ever more slowly. */
export class VersionFetches {
  readonly #options: VersionFetchesOptions;
  #tracked = new Map<string, Tracked>();
  readonly #unwantedSince = new Map<string, number>();
  #tidiedAt: number | undefined;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: VersionFetchesOptions) {
    this.#options = options;
  }

  /** Says what is wanted, the most important first, and begins to bring what is due. */
  want(versions: readonly WantedVersion[]): void {
    const known = this.#tracked;
    this.#tracked = new Map();
    for (const wanted of versions) {
      const place = placeOf(wanted);
      const id = idOf(place);
      const fresh: Tracked = {
        ...{ wanted, place, arrival: { state: 'under_way' }, attempts: 0, notBefore: 0, working: false },
      };
      this.#tracked.set(id, known.get(id) ?? fresh);
    }
    this.#startDue();
  }

  arrivalOf(wanted: WantedVersion): Arrival {
    return this.#tracked.get(idOf(placeOf(wanted)))?.arrival ?? { state: 'under_way' };
  }

  /** Resolves when nothing is being fetched and nothing is due. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Removes copies that nobody has wanted for a while; looks no more often than once a minute. */
  async tidy(): Promise<void> {
    const { copies, clock, observer } = this.#options;
    if (this.#tidiedAt !== undefined && clock.monotonic() - this.#tidiedAt < tidyEveryMs) return;
    this.#tidiedAt = clock.monotonic();
    for (const place of await copies.list()) {
      const id = idOf(place);
      const since = this.#unwantedSince.get(id);
      if (this.#tracked.has(id)) this.#unwantedSince.delete(id);
      else if (since === undefined) this.#unwantedSince.set(id, clock.monotonic());
      else if (clock.monotonic() - since > keptMs) {
        await copies.remove(place);
        this.#unwantedSince.delete(id);
        observer.copyDropped(place);
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  #startDue(): void {
    const now = this.#options.clock.monotonic();
    for (const tracked of this.#tracked.values()) {
      if (this.#running.size >= parallel || this.#closing.signal.aborted) return;
      const { arrival, working, notBefore } = tracked;
      if (arrival.state !== 'whole' && !working && now >= notBefore) this.#start(tracked);
    }
  }

  #start(tracked: Tracked): void {
    tracked.working = true;
    const run = this.#bring(tracked).finally(() => {
      tracked.working = false;
      this.#running.delete(run);
      if (this.#closing.signal.aborted) return;
      this.#startDue();
      if (tracked.arrival.state !== 'under_way') this.#options.onChange();
    });
    this.#running.add(run);
  }

  async #bring(tracked: Tracked): Promise<void> {
    const { copies, clock } = this.#options;
    try {
      const copy = (await copies.find(tracked.place)) ?? (await this.#fetch(tracked));
      if (copy === undefined) tracked.notBefore = clock.monotonic() + otherProcessMs;
      else tracked.arrival = { state: 'whole', copy };
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failed(tracked, error);
    }
  }

  #failed(tracked: Tracked, error: unknown): void {
    const { clock, observer } = this.#options;
    const { modelId, version } = tracked.wanted;
    // What a model says of itself hardly changes.
    const lasting = error instanceof MlmodelError;
    const retryInMs = lasting ? longestRetryMs : Math.min(longestRetryMs, firstRetryMs * 2 ** tracked.attempts++);
    tracked.notBefore = clock.monotonic() + retryInMs;
    const reason = lasting ? `${mlmodelFile} ${error.message}` : messageOf(error);
    tracked.arrival = { state: 'failed', reason, lasting };
    observer.fetchFailed({ modelId, version: version.version, reason, retryInMs });
  }

  async #fetch({ wanted, place }: Tracked): Promise<VersionCopy | undefined> {
    const { copies, clock, observer } = this.#options;
    const began = clock.monotonic();
    const draft = await copies.begin(place);
    if (draft === undefined) return undefined;
    try {
      const { files, bytes, ...facts } = await this.#fill(wanted, draft);
      const copy = await copies.finish(place, facts);
      const { modelId, version } = wanted;
      const milliseconds = clock.monotonic() - began;
      observer.versionFetched({ modelId, version: version.version, files, bytes, digest: copy.digest, milliseconds });
      return copy;
    } catch (error) {
      await copies.giveUp(place);
      throw error;
    }
  }

  async #fill({ name, version }: WantedVersion, draft: Draft): Promise<FetchedVersion> {
    const { client, maxBytes, timeoutMs } = this.#options;
    const cancel = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
    const artifacts = await findArtifacts(client, name, version);
    const limits = { maxBytes, timeoutMs, cancel, progress: () => draft.keepAlive() };
    return fetchVersion(artifacts, draft.folder, { description: version.description, limits });
  }
}

/** A number that was deleted may come again, for another model. */
function placeOf({ modelId, name, version }: WantedVersion): CopyPlace {
  const { source, runId, created } = version;
  const life = createHash('sha256').update(JSON.stringify([name, source, runId, created]));
  return { modelId, key: `${version.version}-${life.digest('hex').slice(0, 12)}` };
}

function idOf({ modelId, key }: CopyPlace): string {
  return `${modelId}/${key}`;
}
