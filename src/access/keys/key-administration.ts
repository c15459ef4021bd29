import type { Clock } from '../../shared/clock.js';
import {
  isLabel,
  isRequestsPerMinute,
  isScope,
  keyStateAt,
  scopeWords,
  type KeyEntry,
  type KeyState,
} from './key-entry.js';
import { generateKey, generateKeyId, hashKey } from './key-format.js';
import type { KeyStore } from './key-store.js';

/** What a new key may do. */
export interface KeyRequest {
  readonly label: string;
  readonly scopes: readonly string[];
  readonly expiresAt?: Date;
  /** null is unlimited; absent is the default limit. */
  readonly requestsPerMinute?: number | null;
}

/** A key whose secret is shown this once. */
export interface NewKey {
  readonly id: string;
  readonly secret: string;
}

/** A key as a list shows it. Times in ISO 8601. */
export interface KeySummary {
  readonly id: string;
  readonly label: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly state: KeyState;
}

/** Makes, lists, rotates and revokes keys. What it throws is an Error whose message a person can act on. */
export class KeyAdministration {
  readonly #store: KeyStore;
  readonly #clock: Clock;

  constructor(store: KeyStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @throws Error that lists what is wrong with the request. */
  async create(request: KeyRequest): Promise<NewKey> {
    checkKeyRequest(request);
    const secret = generateKey();
    const id = generateKeyId();
    await this.#store.insert({
      id,
      sha256: hashKey(secret),
      label: request.label,
      scopes: [...new Set(request.scopes)],
      createdAt: this.#clock.now(),
      expiresAt: request.expiresAt?.getTime() ?? null,
      revokedAt: null,
      ...(request.requestsPerMinute !== undefined && { requestsPerMinute: request.requestsPerMinute }),
      rotationGroup: id,
      replacedBy: null,
    });
    return { id, secret };
  }

  async list(): Promise<readonly KeySummary[]> {
    const now = this.#clock.now();
    const entries = await this.#store.list();
    return entries.map((entry) => ({
      id: entry.id,
      label: entry.label,
      scopes: entry.scopes,
      createdAt: isoTime(entry.createdAt),
      expiresAt: entry.expiresAt === null ? null : isoTime(entry.expiresAt),
      state: keyStateAt(entry, now),
    }));
  }

  /**
   * A new secret with the same label, scopes and limit. The old one works on for `overlapSeconds`, at most until its own end; the new
   * one lives as long as the old one was made to.
   * @throws Error when the key does not exist, or no longer verifies, or was rotated before.
   */
  async rotate(id: string, overlapSeconds: number): Promise<NewKey> {
    const now = this.#clock.now();
    const old = (await this.#store.list()).find((entry) => entry.id === id);
    if (old === undefined) throw new Error(`There is no key ${id}`);
    const state = keyStateAt(old, now);
    if (state === 'replaced') throw new Error(`Key ${id} was rotated before: rotate ${old.replacedBy} instead`);
    if (state !== 'active') throw new Error(`Key ${id} is ${state}: make a new one`);
    const secret = generateKey();
    const successor: KeyEntry = {
      ...old,
      id: generateKeyId(),
      sha256: hashKey(secret),
      createdAt: now,
      expiresAt: old.expiresAt === null ? null : now + (old.expiresAt - old.createdAt),
    };
    const replaced = await this.#store.replace(id, successor, now + overlapSeconds * 1000);
    if (!replaced) throw new Error(`Key ${id} was rotated or revoked by someone else at the same time`);
    return { id: successor.id, secret };
  }

  /** @returns false when there is no such key. */
  revoke(id: string): Promise<boolean> {
    return this.#store.revoke(id, this.#clock.now());
  }

  hashOnly(request: KeyRequest): DeclaredKey {
    return declareKey(request);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** A secret, and the YAML list item of `auth.keys_file` that lets it in. */
export interface DeclaredKey extends NewKey {
  readonly entry: string;
}

/** Makes a key that is stored nowhere. @throws Error that lists what is wrong with the request. */
export function declareKey(request: KeyRequest): DeclaredKey {
  checkKeyRequest(request);
  const secret = generateKey();
  const sha256 = hashKey(secret);
  const { requestsPerMinute: limit, expiresAt } = request;
  // JSON strings are YAML strings: nothing in a label can break out of its quotes.
  const lines = [
    `- label: ${JSON.stringify(request.label)}`,
    `  sha256: ${JSON.stringify(sha256)}`,
    `  scopes: [${request.scopes.map((scope) => JSON.stringify(scope)).join(', ')}]`,
    ...(expiresAt === undefined ? [] : [`  expires_at: ${JSON.stringify(expiresAt.toISOString())}`]),
    ...(limit === undefined ? [] : [`  requests_per_minute: ${limit === null ? 'unlimited' : limit}`]),
  ];
  return { id: declaredKeyId(sha256), secret, entry: `${lines.join('\n')}\n` };
}

/** The public name of a key that has none of its own: the start of its hash. */
export function declaredKeyId(sha256: string): string {
  return `declared_${sha256.slice(0, 12)}`;
}

function checkKeyRequest({ label, scopes, expiresAt, requestsPerMinute }: KeyRequest): void {
  const problems = [
    !isLabel(label) && 'the label must have 1 to 128 characters, none of them a control character',
    scopes.length === 0 && `at least one scope is needed: ${scopeWords}`,
    ...scopes.map((scope) => !isScope(scope) && `${JSON.stringify(scope)} is no scope: use ${scopeWords}`),
    expiresAt !== undefined && Number.isNaN(expiresAt.getTime()) && 'the expiry is no date',
    typeof requestsPerMinute === 'number' &&
      !isRequestsPerMinute(requestsPerMinute) &&
      'the requests a minute must be a whole number of 1 to 10000000',
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw new Error(`The key cannot be made: ${problems.join('; ')}`);
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
