import type { Clock } from '../../shared/clock.js';
import type { VersionState } from '../catalogue.js';
import type { LifecycleObserver } from '../observer.js';
import type { VersionName } from '../runtime-observer.js';
import type { LoadedVersion } from './loaded-version.js';

/** Where a version is in its life; only what is true in a state exists in it. */
export type Life =
  | { readonly state: 'discovered' }
  | { readonly state: 'loading' | 'warming'; readonly fingerprint: string }
  | { readonly state: 'ready' | 'draining'; readonly fingerprint: string; readonly loaded: LoadedVersion }
  | { readonly state: 'gone' }
  | {
      readonly state: 'failed';
      readonly fingerprint: string;
      readonly reason: string;
      /** Milliseconds after which it may be tried again unchanged; undefined: never. */
      readonly retryInMs: number | undefined;
    };

type StateName = VersionState['state'];

const next: Readonly<Record<StateName, readonly StateName[]>> = {
  discovered: ['loading', 'failed', 'gone'],
  loading: ['warming', 'failed'],
  warming: ['ready', 'failed'],
  ready: ['draining'],
  draining: ['gone'],
  failed: ['gone'],
  gone: [],
};

export interface VersionOptions {
  readonly name: VersionName;
  readonly clock: Clock;
  readonly observer: Pick<LifecycleObserver, 'versionStateChanged' | 'drainTimedOut'>;
}

/** One life of a version. It only moves forward; a version that is tried again gets a new one. */
export class Version {
  readonly name: VersionName;
  readonly #options: VersionOptions;
  #life: Life = { state: 'discovered' };
  #since: number;
  #leases = 0;
  #idle: (() => void) | undefined;
  /** Its files are no longer those that were loaded; told once. */
  changedInPlace = false;

  constructor(options: VersionOptions) {
    this.name = options.name;
    this.#options = options;
    this.#since = options.clock.monotonic();
    options.observer.versionStateChanged({ ...options.name, from: null, to: 'discovered', milliseconds: 0 });
  }

  get life(): Life {
    return this.#life;
  }

  get leases(): number {
    return this.#leases;
  }

  /** It failed for what may be over by now. */
  get mayRetry(): boolean {
    if (this.#life.state !== 'failed' || this.#life.retryInMs === undefined) return false;
    return this.#options.clock.monotonic() - this.#since >= this.#life.retryInMs;
  }

  /** Announced once it is true. @throws Error for a step back. */
  become(life: Life): void {
    const from = this.#life.state;
    if (!next[from].includes(life.state)) throw new Error(`A version cannot go from ${from} to ${life.state}`);
    const now = this.#options.clock.monotonic();
    const milliseconds = now - this.#since;
    this.#life = life;
    this.#since = now;
    this.#options.observer.versionStateChanged({
      ...this.name,
      from,
      to: life.state,
      milliseconds,
      ...(life.state === 'failed' && { reason: life.reason }),
    });
  }

  /** Counts a call in; the function counts it out, once however often it is called. undefined unless ready. */
  lease(): { readonly loaded: LoadedVersion; readonly release: () => void } | undefined {
    if (this.#life.state !== 'ready') return undefined;
    this.#leases++;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      if (--this.#leases === 0) this.#idle?.();
    };
    return { loaded: this.#life.loaded, release };
  }

  /** Ready → draining → gone. `timeout` ends the wait for calls; the runtime itself still waits for runs in flight. */
  async retire(timeout: Promise<void>): Promise<void> {
    if (this.#life.state !== 'ready') return;
    const { loaded, fingerprint } = this.#life;
    this.become({ state: 'draining', fingerprint, loaded });
    if (this.#leases > 0) {
      await Promise.race([new Promise<void>((resolve) => (this.#idle = resolve)), timeout]);
      if (this.#leases > 0) this.#options.observer.drainTimedOut({ ...this.name, leases: this.#leases });
    }
    await loaded.close();
    this.become({ state: 'gone' });
  }
}
