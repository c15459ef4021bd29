import type { Authenticator, Credentials } from './authenticator.js';
import type { FailedAttempts } from './failed-attempts.js';
import type { TokenVerdict, TokenVerifier } from './jwt/token-verifier.js';
import { looksLikeToken } from './jwt/looks-like-token.js';
import { isWellFormedKey, longestKey } from './keys/key-format.js';
import type { KeyVerifier } from './keys/key-verifier.js';
import type { AccessObserver } from './observer.js';
import type { Principal } from './principal.js';

export interface CredentialAuthenticatorParts {
  readonly keys: KeyVerifier;
  /** undefined: tokens are not accepted. */
  readonly tokens: TokenVerifier | undefined;
  readonly attempts: FailedAttempts;
  readonly observer: Pick<AccessObserver, 'authOk'>;
}

/** Lets in who has an API key or a token: `auth.mode: required`. A key in X-API-Key decides alone, also against a Bearer beside it. */
export class CredentialAuthenticator implements Authenticator {
  readonly #parts: CredentialAuthenticatorParts;

  constructor(parts: CredentialAuthenticatorParts) {
    this.#parts = parts;
  }

  authenticate({ apiKey, bearer, address }: Credentials): Principal | Promise<Principal> {
    const credential = apiKey ?? bearer;
    if (credential === undefined || credential === '') throw this.#parts.attempts.missing(address);
    if (apiKey === undefined && this.#parts.tokens !== undefined && looksLikeToken(credential)) {
      return this.#byToken(this.#parts.tokens, credential, address);
    }
    return this.#byKey(credential, address);
  }

  close(): Promise<void> {
    return this.#parts.keys.close();
  }

  #byKey(key: string, address: string): Principal | Promise<Principal> {
    if (key.length > longestKey) return this.#fail('malformed', address);
    const verdict = this.#parts.keys.verify(key);
    if (typeof verdict !== 'string') {
      this.#parts.observer.authOk('key');
      return verdict;
    }
    // The checksum spares the store, not the memory: a key that verifies need not pay for it.
    return isWellFormedKey(key) ? this.#byKeyAgain(key, address) : this.#fail('malformed', address);
  }

  /** Every verdict but a good one takes this way, so that unknown, revoked and expired keys cost the same. */
  async #byKeyAgain(key: string, address: string): Promise<Principal> {
    const { keys, observer } = this.#parts;
    if (keys.mayBeOutdated) await keys.refresh();
    const verdict = keys.verify(key);
    if (typeof verdict === 'string') return this.#fail(verdict, address);
    observer.authOk('key');
    return verdict;
  }

  #byToken(tokens: TokenVerifier, token: string, address: string): Principal | Promise<Principal> {
    const verdict = tokens.verify(token);
    if (verdict instanceof Promise) return verdict.then((later) => this.#afterToken(later, address));
    return this.#afterToken(verdict, address);
  }

  #afterToken(verdict: TokenVerdict, address: string): Principal | Promise<Principal> {
    if (verdict === 'issuer_unavailable') throw this.#parts.attempts.issuerUnavailable(address);
    if (typeof verdict === 'string') return this.#fail(verdict, address);
    this.#parts.observer.authOk('token');
    return verdict;
  }

  async #fail(reason: Parameters<FailedAttempts['failed']>[0], address: string): Promise<never> {
    throw await this.#parts.attempts.failed(reason, address);
  }
}
