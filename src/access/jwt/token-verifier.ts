import { hash } from 'node:crypto';
import { errors, jwtVerify, type JWTVerifyGetKey, type JWTVerifyOptions, type JWTVerifyResult } from 'jose';
import type { Clock } from '../../shared/clock.js';
import type { Principal } from '../principal.js';
import { IssuerUnavailableError, type IssuerKeys } from './issuer-keys.js';
import { checkAlgorithms } from './token-options.js';
import { scopesOf } from './token-scopes.js';

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly keys: IssuerKeys;
  readonly clock: Clock;
}

export type TokenVerdict = Principal | 'token_expired' | 'token_invalid' | 'issuer_unavailable';

interface VerifiedToken {
  readonly principal: Principal;
  readonly expiresAt: number;
}

/** Longer tokens are refused unread. */
export const largestToken = 8192;
/** Verified tokens that are remembered; beyond it the one verified first is forgotten, and verified anew when it comes again. */
const mostRemembered = 10_000;
/** Clocks of issuers and of this machine may differ by this much. */
const clockToleranceSeconds = 5;
/** Tokens of other kinds (logout, DPoP proof, security event) say so in `typ`, and are no access tokens (RFC 8725, section 3.11). */
const tokenTypes = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];

/** Verifies JWT access tokens of one issuer (RFC 7519, RFC 8725). The claims exp, iss, aud and sub must be there. */
export class TokenVerifier {
  readonly #keys: IssuerKeys;
  readonly #clock: Clock;
  readonly #options: JWTVerifyOptions;
  readonly #verified = new Map<string, VerifiedToken>();
  #generation = 0;

  /** @throws Error when an algorithm is not one with a public key. */
  constructor({ issuer, audience, algorithms, keys, clock }: TokenVerifierOptions) {
    this.#keys = keys;
    this.#clock = clock;
    this.#options = {
      issuer,
      audience,
      algorithms: checkAlgorithms(algorithms),
      requiredClaims: ['exp', 'sub'],
      clockTolerance: clockToleranceSeconds,
    };
  }

  /** Answers without a promise where the same token was verified before. Never throws and never rejects. */
  verify(token: string): TokenVerdict | Promise<TokenVerdict> {
    if (token.length > largestToken) return 'token_invalid';
    const sha256 = hash('sha256', token, 'base64');
    return this.#remembered(sha256) ?? this.#check(token, sha256);
  }

  #remembered(sha256: string): Principal | undefined {
    this.#dropOutdated();
    const verified = this.#verified.get(sha256);
    if (verified === undefined || !this.#keys.usable) return undefined;
    if (verified.expiresAt > this.#clock.now()) return verified.principal;
    this.#verified.delete(sha256);
    return undefined;
  }

  async #check(token: string, sha256: string): Promise<TokenVerdict> {
    let generation: number | undefined;
    const resolve: JWTVerifyGetKey = async (header, parts) => {
      const key = await this.#keys.resolve(header, parts);
      generation = this.#keys.generation;
      return key;
    };
    try {
      const currentDate = new Date(this.#clock.now());
      const result = await jwtVerify(token, resolve, { ...this.#options, currentDate });
      const principal = principalOf(result);
      if (principal === undefined) return 'token_invalid';
      // Verified by keys that have been replaced meanwhile: good this once.
      if (generation === this.#keys.generation)
        this.#remember(sha256, { principal, expiresAt: Number(result.payload.exp) * 1000 });
      return principal;
    } catch (error) {
      if (error instanceof IssuerUnavailableError) return 'issuer_unavailable';
      // Whatever else jose or the key's import throws, the token has not been verified.
      return error instanceof errors.JWTExpired ? 'token_expired' : 'token_invalid';
    }
  }

  #remember(sha256: string, verified: VerifiedToken): void {
    this.#dropOutdated();
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size < mostRemembered) break;
      this.#verified.delete(oldest);
    }
    this.#verified.set(sha256, verified);
  }

  /** Forgets what was verified by keys that the issuer has changed since. */
  #dropOutdated(): void {
    if (this.#generation === this.#keys.generation) return;
    this.#verified.clear();
    this.#generation = this.#keys.generation;
  }
}

function principalOf({ payload, protectedHeader }: JWTVerifyResult): Principal | undefined {
  const { sub } = payload;
  if (!tokenTypes.includes(protectedHeader.typ?.toLowerCase())) return undefined;
  if (typeof sub !== 'string' || sub.length === 0 || sub.length > 256) return undefined;
  return { id: `token:${sub}`, clientId: sub, scopes: scopesOf(payload) };
}
