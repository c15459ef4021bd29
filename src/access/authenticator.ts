import type { Principal } from './principal.js';

export interface Credentials {
  /** Value of X-API-Key, if sent. */
  readonly apiKey?: string;
  /** What follows `Bearer ` in Authorization: an API key or a JWT. */
  readonly bearer?: string;
  /** The caller's address, after the trusted proxies. */
  readonly address: string;
}

/**
 * Finds out who calls. Answers without a promise where the credential is already known (no await on the hot path).
 * @throws ServiceError UNAUTHORIZED (the same text for unknown, revoked and expired); RATE_LIMIT_EXCEEDED for an address with too many failed tries.
 */
export interface Authenticator {
  authenticate(credentials: Credentials): Principal | Promise<Principal>;
  close(): Promise<void>;
}
