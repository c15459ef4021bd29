import type { Clock } from '../shared/clock.js';
import { AnonymousAuthenticator } from './anonymous-authenticator.js';
import type { Authenticator } from './authenticator.js';
import { CredentialAuthenticator } from './credential-authenticator.js';
import { FailedAttempts } from './failed-attempts.js';
import type { TokenVerifier } from './jwt/token-verifier.js';
import type { KeyStore } from './keys/key-store.js';
import { KeyVerifier } from './keys/key-verifier.js';
import type { AccessObserver } from './observer.js';
import type { AuthOptions, RateLimitOptions } from './options.js';
import { PrincipalRateLimiter } from './rate-limit/principal-rate-limiter.js';
import { RedisWindows, type RedisWindowsOptions } from './rate-limit/redis-windows.js';
import { RemoteWindows } from './rate-limit/remote-windows.js';
import type { MessageChannel } from './rate-limit/window-messages.js';
import { WindowTable } from './rate-limit/window-table.js';
import type { Windows } from './rate-limit/windows.js';
import type { RateLimiter } from './rate-limiter.js';
import type { Timers } from '../shared/timers.js';

export interface AuthenticatorParts {
  readonly options: AuthOptions;
  /** Stays open when the authenticator is closed. Not read in mode none. */
  readonly keyStore: KeyStore;
  /** Where failed tries are counted: the same windows as the rate limiter's, over all workers. */
  readonly windows: Windows;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: AccessObserver;
}

/**
 * Reads all keys, and begins to fetch the issuer's; an issuer that is out of reach does not stop the start.
 * @throws KeysFileError with every problem of the keys file; Error when the key store cannot be read or an algorithm is not allowed.
 */
export async function createAuthenticator(parts: AuthenticatorParts): Promise<Authenticator> {
  const { options, windows, observer } = parts;
  if (options.mode === 'none') return new AnonymousAuthenticator(observer);
  const tokens = options.jwt === undefined ? undefined : await openTokens(options.jwt, parts);
  const keys = await KeyVerifier.open({ ...parts, keysFile: options.keys_file });
  const attempts = new FailedAttempts(windows, options.failed_attempts_per_minute, observer);
  return new CredentialAuthenticator({ keys, tokens, attempts, observer });
}

/** What tokens need is loaded only where they are accepted. */
async function openTokens(jwt: NonNullable<AuthOptions['jwt']>, parts: AuthenticatorParts): Promise<TokenVerifier> {
  const { openTokenVerifier } = await import('./jwt/open-token-verifier.js');
  return openTokenVerifier(jwt, parts);
}

export interface WindowsParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: AccessObserver;
  /** To the primary that owns the windows; absent in a process that serves alone. */
  readonly primary?: { readonly channel: MessageChannel; readonly workers: number };
  /** Holds the windows of all instances, where there is one. */
  readonly redis?: Pick<RedisWindowsOptions, 'client' | 'keyPrefix' | 'processes'>;
}

/** The windows of this process: in Redis, else its own, or those of the primary. */
export function createWindows({ primary, redis, ...parts }: WindowsParts): Windows {
  if (redis !== undefined) return new RedisWindows({ ...parts, ...redis });
  return primary === undefined ? new WindowTable(parts) : new RemoteWindows({ ...parts, ...primary });
}

export interface RateLimiterParts {
  readonly options: RateLimitOptions;
  /** Stay open when the limiter is closed. */
  readonly windows: Windows;
  readonly observer: AccessObserver;
}

export function createRateLimiter({ options, windows, observer }: RateLimiterParts): RateLimiter {
  return new PrincipalRateLimiter(options, windows, observer);
}
