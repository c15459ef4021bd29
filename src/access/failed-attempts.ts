import { ServiceError } from '../shared/errors.js';
import { addressBlock } from './address-block.js';
import type { AccessObserver, AuthFailure } from './observer.js';
import { wholeSeconds } from './rate-limit/principal-rate-limiter.js';
import type { Windows } from './rate-limit/windows.js';

/** One text for all credentials that do not verify: it tells nobody whether a key exists or existed. */
const notValid = 'The credentials are not valid';
const missing = 'Credentials are needed: an API key in X-API-Key, or an API key or a token in Authorization: Bearer';

/** Counts failed tries by address, and turns them into the errors that callers see. What verifies is never counted nor refused. */
export class FailedAttempts {
  readonly #windows: Windows;
  readonly #perMinute: number;
  readonly #observer: Pick<AccessObserver, 'authFailed'>;

  constructor(windows: Windows, perMinute: number, observer: Pick<AccessObserver, 'authFailed'>) {
    this.#windows = windows;
    this.#perMinute = perMinute;
    this.#observer = observer;
  }

  /** No credentials were sent: nothing was guessed, and nothing is counted. */
  missing(address: string): ServiceError {
    this.#observer.authFailed('missing', address);
    return new ServiceError('UNAUTHORIZED', missing);
  }

  /** The token may be good: the issuer's keys are needed to tell. Not counted. */
  issuerUnavailable(address: string): ServiceError {
    this.#observer.authFailed('issuer_unavailable', address);
    return new ServiceError('SERVICE_UNAVAILABLE', 'Tokens cannot be verified at this time', { retryAfterSeconds: 5 });
  }

  /** UNAUTHORIZED, or RATE_LIMIT_EXCEEDED when the address has failed too often in the last 60 s. */
  async failed(reason: AuthFailure, address: string): Promise<ServiceError> {
    const caller = `failed:${addressBlock(address)}`;
    const { allowed, resetMs } = await this.#windows.take(caller, this.#perMinute, 1);
    this.#observer.authFailed(allowed ? reason : 'throttled', address);
    if (allowed) return new ServiceError('UNAUTHORIZED', notValid);
    return new ServiceError('RATE_LIMIT_EXCEEDED', 'Too many failed tries to authenticate from this address', {
      retryAfterSeconds: wholeSeconds(resetMs, false),
    });
  }
}
