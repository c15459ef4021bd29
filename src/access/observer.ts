/**
 * Why credentials did not let a caller in. `missing`: none were sent. `malformed`: neither a key (its checksum is wrong) nor a token,
 * or too large. `unknown`, `revoked`, `expired`: an API key. `token_expired`, `token_invalid`: a JWT. `issuer_unavailable`: the
 * issuer's keys are not known. `throttled`: too many failed tries of this address before.
 */
export type AuthFailure =
  | 'missing'
  | 'malformed'
  | 'unknown'
  | 'revoked'
  | 'expired'
  | 'token_expired'
  | 'token_invalid'
  | 'issuer_unavailable'
  | 'throttled';

/** Where API keys come from. */
export type KeySource = 'store' | 'file';

/** Facts about access, for metrics and the log. No argument holds a credential; reasons are the system's words, for operators. */
export interface AccessObserver {
  authOk(kind: 'key' | 'token' | 'anonymous'): void;
  authFailed(reason: AuthFailure, address: string): void;
  /** The keys of a source were read again because they had changed; `keys` of them are usable or will be. */
  keysReloaded(source: KeySource, keys: number): void;
  /** A source could not be read: the keys known before go on. Revocations made since are not seen. */
  keysUnavailable(source: KeySource, reason: string): void;
  /** The changed keys file has mistakes: the keys known before go on. */
  keysFileInvalid(problems: readonly string[]): void;
  jwksFetch(result: 'ok' | 'failed', reason?: string): void;
  /** A request was refused. `clientId` is the key's label or the token's subject, null when anonymous. */
  rateLimited(clientId: string | null): void;
  /** The owner of the windows did not answer in time: this decision was made from this process's share of the limit. */
  limiterDegraded(): void;
  /** The table of windows is full: this caller shares one window with all others that found no place. */
  limiterOverflow(): void;
}
