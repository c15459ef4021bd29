import type { JWTPayload } from 'jose';
import { isScope } from '../keys/key-entry.js';
import type { Scope } from '../principal.js';

/** More scopes of one token are left out. */
const mostScopes = 100;

/** From `scope` (space-separated, RFC 8693 section 4.2) and `scp` (list or space-separated). Scopes of other programs are left out. */
export function scopesOf(payload: JWTPayload): readonly Scope[] {
  const words = [...wordsOf(payload['scope']), ...wordsOf(payload['scp'])];
  return [...new Set(words.filter(isScope))].slice(0, mostScopes);
}

function wordsOf(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((word) => typeof word === 'string') : [];
}
