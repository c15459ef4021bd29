import type { Clock } from '../../shared/clock.js';
import type { AccessObserver } from '../observer.js';
import type { AuthOptions } from '../options.js';
import { jwksFetcher } from './fetch-jwks.js';
import { IssuerKeys } from './issuer-keys.js';
import { TokenVerifier } from './token-verifier.js';

export interface TokenVerifierParts {
  readonly clock: Clock;
  readonly observer: AccessObserver;
}

/** Begins to fetch the issuer's keys at once. @throws Error when an algorithm is not allowed. */
export function openTokenVerifier(
  jwt: NonNullable<AuthOptions['jwt']>,
  { clock, observer }: TokenVerifierParts,
): TokenVerifier {
  const keys = new IssuerKeys({
    fetchJwks: jwksFetcher(jwt.jwks_url),
    cooldownMs: jwt.cooldown_seconds * 1000,
    staleIfErrorMs: jwt.stale_if_error_seconds * 1000,
    clock,
    observer,
  });
  const verifier = new TokenVerifier({ ...jwt, keys, clock });
  void keys.refresh();
  return verifier;
}
