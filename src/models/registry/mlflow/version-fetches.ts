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
  | { readonly state: 'failed'; readonly reason: string };

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

interface Tracked {
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
  readonly #tracked = new Map<string, Tracked>();
  readonly #unwantedSince = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: VersionFetchesOptions) {
    this.#options = options;
  }

  /** Where a wanted version is. Starts to bring it here where that is due. Called in the order of importance. */
  arrivalOf(wanted: WantedVersion): Arrival {
    const place = placeOf(wanted);
    const id = idOf(place);
    const { clock } = this.#options;
    let tracked = this.#tracked.get(id);
    if (tracked === undefined) {
      tracked = { place, arrival: { state: 'under_way' }, attempts: 0, notBefore: 0, working: false };
      this.#tracked.set(id, tracked);
    }
    const due = tracked.arrival.state !== 'whole' && !tracked.working && clock.monotonic() >= tracked.notBefore;
    if (due && this.#running.size < parallel && !this.#closing.signal.aborted) this.#start(wanted, tracked);
    return tracked.arrival;
  }

  /** Forgets versions that are no longer wanted, and removes copies that nobody has wanted for a while. */
  async keepOnly(wanted: readonly WantedVersion[]): Promise<void> {
    const ids = new Set(wanted.map((version) => idOf(placeOf(version))));
    for (const [id, { working }] of this.#tracked) if (!ids.has(id) && !working) this.#tracked.delete(id);
    const { copies, clock, observer } = this.#options;
    for (const place of await copies.list()) {
      const id = idOf(place);
      if (ids.has(id)) this.#unwantedSince.delete(id);
      else if (!this.#unwantedSince.has(id)) this.#unwantedSince.set(id, clock.monotonic());
      else if (clock.monotonic() - (this.#unwantedSince.get(id) ?? 0) > keptMs) {
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

  #start(wanted: WantedVersion, tracked: Tracked): void {
    tracked.working = true;
    const run = this.#bring(wanted, tracked).finally(() => {
      tracked.working = false;
      this.#running.delete(run);
      if (tracked.arrival.state !== 'under_way' && !this.#closing.signal.aborted) this.#options.onChange();
    });
    this.#running.add(run);
  }

  async #bring(wanted: WantedVersion, tracked: Tracked): Promise<void> {
    const { copies, clock } = this.#options;
    try {
      const copy = (await copies.find(tracked.place)) ?? (await this.#fetch(wanted, tracked.place));
      if (copy === undefined) tracked.notBefore = clock.monotonic() + otherProcessMs;
      else tracked.arrival = { state: 'whole', copy };
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failed(wanted, tracked, error);
    }
  }

  #failed({ modelId, version }: WantedVersion, tracked: Tracked, error: unknown): void {
    const { clock, observer } = this.#options;
    const retryInMs = Math.min(longestRetryMs, firstRetryMs * 2 ** tracked.attempts++);
    tracked.notBefore = clock.monotonic() + retryInMs;
    const reason = error instanceof MlmodelError ? `${mlmodelFile} ${error.message}` : messageOf(error);
    tracked.arrival = { state: 'failed', reason };
    observer.fetchFailed({ modelId, version: version.version, reason, retryInMs });
  }

  async #fetch(wanted: WantedVersion, place: CopyPlace): Promise<VersionCopy | undefined> {
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
