import { modelIdPattern } from '../../shared/names.js';
import type { Scope } from '../principal.js';

/** One API key as it is kept: never its secret. Times in milliseconds since the epoch. */
export interface KeyEntry {
  /** Public name of this secret. */
  readonly id: string;
  /** SHA-256 of the whole key, lower-case hex. */
  readonly sha256: string;
  /** Whose key it is. */
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  /** Own limit; null is unlimited; absent is the default limit. */
  readonly requestsPerMinute?: number | null;
  /** Shared by a key and those that replaced it: they have one rate limit together. */
  readonly rotationGroup: string;
  /** The key that took this one's place. */
  readonly replacedBy: string | null;
}

export type KeyState = 'active' | 'replaced' | 'expired' | 'revoked';

/** `replaced` keys still verify, until they expire. A key expires at the instant `expiresAt`. */
export function keyStateAt(entry: KeyEntry, now: number): KeyState {
  if (entry.revokedAt !== null) return 'revoked';
  if (entry.expiresAt !== null && entry.expiresAt <= now) return 'expired';
  return entry.replacedBy === null ? 'active' : 'replaced';
}

const plainScopes = ['predict:*', 'models:read', 'metrics:read', 'admin'];
export const scopeWords = 'predict:*, predict:<model_id>, models:read, metrics:read or admin';

export function isScope(text: string): boolean {
  return plainScopes.includes(text) || (text.startsWith('predict:') && modelIdPattern.test(text.slice(8)));
}

/** 1 to 128 characters, none of them a control character: labels go into events, logs and tables. */
export function isLabel(text: string): boolean {
  return /^[^\p{Cc}\p{Surrogate}]{1,128}$/u.test(text);
}

export const largestRequestsPerMinute = 10_000_000;

export function isRequestsPerMinute(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= largestRequestsPerMinute;
}
