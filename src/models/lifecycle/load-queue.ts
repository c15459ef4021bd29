import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../shared/clock.js';
import { messageOf } from '../../shared/errors.js';
import type { LifecycleObserver } from '../observer.js';
import type { ModelsOptions } from '../options.js';
import type { RegistryVersion } from '../registry/registry.js';
import { VersionRefused } from '../version-problem.js';
import type { LoadedVersion } from './loaded-version.js';
import type { VersionLoader } from './version-loader.js';
import type { Version } from './version.js';
import { refuseFailedRows, warmUp } from './warm-up.js';

/** A model server that was out of reach is asked again after this. */
const passingRetryMs = 5000;

export interface LoadQueueOptions {
  readonly options: Pick<ModelsOptions, 'max_resident'>;
  readonly loader: Pick<VersionLoader, 'load'>;
  readonly clock: Clock;
  readonly observer: LifecycleObserver;
}

/** A version to be brought into memory. */
export interface LoadOrder {
  readonly version: Version;
  /** The folder as it is when its turn comes; undefined when it is gone or being written again: a later look queues it anew. */
  readonly source: () => RegistryVersion | undefined;
  /** Called when it has become ready or failed. */
  readonly settled: () => void;
}

/** Loads one version at a time, off the request path: the event loop turns between any two. Bounded by what the registry holds. */
export class LoadQueue {
  readonly #options: LoadQueueOptions;
  readonly #orders: LoadOrder[] = [];
  #working: Promise<void> | undefined;
  #resident = 0;
  #closed = false;

  constructor(options: LoadQueueOptions) {
    this.#options = options;
  }

  /** Further versions may be taken into memory. */
  get hasRoom(): boolean {
    return this.#resident < this.#options.options.max_resident;
  }

  /** A version has left the memory. */
  leave(): void {
    this.#resident--;
  }

  /** Queues a version, once. */
  add(order: LoadOrder): void {
    if (this.#closed || this.#orders.some(({ version }) => version === order.version)) return;
    this.#orders.push(order);
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  /** Resolves when nothing is queued nor being loaded. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** Gives up what is queued and waits for the version being loaded. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#orders.length = 0;
    await this.idle();
  }

  async #work(): Promise<void> {
    for (let order = this.#orders[0]; order !== undefined; order = this.#orders[0]) {
      await setImmediate();
      await this.#settle(order);
      this.#orders.shift();
    }
  }

  async #settle({ version, settled, ...order }: LoadOrder): Promise<void> {
    const source = order.source();
    if (source === undefined) return;
    const { fingerprint } = source;
    if (!this.hasRoom) {
      const reason = `models.max_resident is ${this.#options.options.max_resident}: there is no room for this version`;
      version.become({ state: 'failed', fingerprint, reason, retryInMs: 0 });
      return settled();
    }
    this.#resident++;
    version.become({ state: 'loading', fingerprint });
    try {
      const loaded = await this.#load(version, source);
      version.become({ state: 'ready', fingerprint, loaded });
    } catch (error) {
      this.#resident--;
      version.become({ state: 'failed', fingerprint, reason: messageOf(error), retryInMs: retryAfter(error, source) });
    }
    settled();
  }

  async #load(version: Version, source: RegistryVersion): Promise<LoadedVersion> {
    const loaded = await this.#options.loader.load(version.name.modelId, source);
    try {
      version.become({ state: 'warming', fingerprint: source.fingerprint });
      return await this.#warm(version, loaded);
    } catch (error) {
      await loaded.close();
      throw error;
    }
  }

  async #warm(version: Version, loaded: LoadedVersion): Promise<LoadedVersion> {
    const { observer, clock } = this.#options;
    const { golden, warnings } = await warmUp(loaded, clock);
    for (const { ok, index, message = 'failed' } of golden) {
      if (!ok) observer.goldenRowFailed({ ...version.name, index, message });
    }
    refuseFailedRows(golden);
    const all = [...loaded.warnings, ...warnings];
    for (const message of all) observer.versionWarning({ ...version.name, message });
    return { ...loaded, warnings: all };
  }
}

/** What a registry brings later shows itself as a change; undefined: only a change makes it worth a try. */
function retryAfter(error: unknown, { arrival }: RegistryVersion): number | undefined {
  if (arrival === 'delayed') return Infinity;
  return error instanceof VersionRefused && error.passing ? passingRetryMs : undefined;
}
