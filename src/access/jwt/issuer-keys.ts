import { createLocalJWKSet, errors, type JWTVerifyGetKey, type LocalJWKSet } from 'jose';
import type { Clock } from '../../shared/clock.js';
import { messageOf } from '../../shared/errors.js';
import type { AccessObserver } from '../observer.js';
import type { FetchJwks } from './fetch-jwks.js';

export interface IssuerKeysOptions {
  readonly fetchJwks: FetchJwks;
  /** Least time between two fetches, whoever asks. */
  readonly cooldownMs: number;
  /** How long keys go on to verify after they should have been fetched again. */
  readonly staleIfErrorMs: number;
  readonly clock: Clock;
  readonly observer: Pick<AccessObserver, 'jwksFetch'>;
}

/** The issuer's keys have never been fetched, or so long ago that they no longer count. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

/** Keys older than this are fetched again in the background while they go on to verify. */
const freshMs = 5 * 60_000;

/**
 * The keys of a token issuer. An issuer that is out of reach is not our outage: known keys verify on until they are stale for too long.
 * A key id that is not known leads to a fetch, at most one a cool-down however many such tokens come.
 */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: LocalJWKSet | undefined;
  #text = '';
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #generation = 0;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** Changes whenever the issuer's keys have changed: what was verified with older keys must be verified anew. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether keys are known that still count. Starts a fetch in the background when they are due. */
  get usable(): boolean {
    const age = this.#options.clock.monotonic() - this.#fetchedAt;
    if (age > freshMs) void this.refresh();
    return age <= freshMs + this.#options.staleIfErrorMs;
  }

  /**
   * The key that a token names, for jose.
   * @throws IssuerUnavailableError; jose's JWKSNoMatchingKey, JWKSMultipleMatchingKeys.
   */
  readonly resolve: JWTVerifyGetKey = async (header, token) => {
    if (!this.usable) await this.refresh();
    try {
      return await this.#known()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.refresh();
      return this.#known()(header, token);
    }
  };

  /** Fetches the keys, unless that was tried within the cool-down. Calls at the same time share one fetch. Never rejects. */
  refresh(): Promise<void> {
    const { clock, cooldownMs } = this.#options;
    if (this.#fetching !== undefined) return this.#fetching;
    if (clock.monotonic() - this.#triedAt < cooldownMs) return Promise.resolve();
    this.#triedAt = clock.monotonic();
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { fetchJwks, clock, observer } = this.#options;
    try {
      const jwks = await fetchJwks();
      const text = JSON.stringify(jwks);
      if (text !== this.#text) {
        this.#keys = createLocalJWKSet(jwks);
        this.#text = text;
        this.#generation++;
      }
      this.#fetchedAt = clock.monotonic();
      observer.jwksFetch('ok');
    } catch (error) {
      observer.jwksFetch('failed', messageOf(error));
    }
  }

  #known(): LocalJWKSet {
    if (this.#keys === undefined || !this.usable) throw new IssuerUnavailableError("The issuer's keys are not known");
    return this.#keys;
  }
}
