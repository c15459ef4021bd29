import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../shared/clock.js';
import type { Principal } from '../principal.js';
import { keyStateAt, type KeyEntry } from './key-entry.js';
import { hashKey } from './key-format.js';

interface KnownKey {
  readonly entry: KeyEntry;
  readonly digest: Buffer;
  readonly principal: Principal;
}

export type KeyVerdict = Principal | 'unknown' | 'revoked' | 'expired';

/** Keys that are remembered in the clear, at most. */
const mostRecent = 256;

/** Stands in where no key is known, so that unknown keys cost what revoked ones cost. No key has this hash. */
const nobody = Buffer.alloc(32);

/** All keys, by hash. Replaced as a whole when they change; a check waits for nothing. */
export class KeyTable {
  readonly #clock: Clock;
  #known: ReadonlyMap<string, KnownKey> = new Map();
  /** Those that verified of late, by the key itself: hashing costs as much as a small model's run. Gone with every change. */
  readonly #recent = new Map<string, KnownKey>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Of two entries with one hash the later one holds. */
  replaceAll(entries: Iterable<KeyEntry>): void {
    const known = new Map<string, KnownKey>();
    for (const entry of entries) {
      known.set(entry.sha256, { entry, digest: Buffer.from(entry.sha256, 'hex'), principal: principalOf(entry) });
    }
    this.#known = known;
    this.#recent.clear();
  }

  verify(key: string): KeyVerdict {
    const recent = this.#recent.get(key);
    const verdict = recent === undefined ? undefined : this.#verdictOn(recent);
    if (typeof verdict === 'object') return verdict;
    // Every verdict but a good one costs the same.
    this.#recent.delete(key);
    return this.#verifyByHash(key);
  }

  /** What the timing of this look-up could tell is about a hash that nobody can choose, not about a key. */
  #verifyByHash(key: string): KeyVerdict {
    const sha256 = hashKey(key);
    const known = this.#known.get(sha256);
    const same = timingSafeEqual(Buffer.from(sha256, 'hex'), known?.digest ?? nobody);
    if (known === undefined || !same) return 'unknown';
    const verdict = this.#verdictOn(known);
    if (typeof verdict === 'object') {
      if (this.#recent.size >= mostRecent) this.#recent.clear();
      this.#recent.set(key, known);
    }
    return verdict;
  }

  #verdictOn(known: KnownKey): KeyVerdict {
    const state = keyStateAt(known.entry, this.#clock.now());
    return state === 'active' || state === 'replaced' ? known.principal : state;
  }
}

function principalOf(entry: KeyEntry): Principal {
  return {
    id: entry.rotationGroup,
    clientId: entry.label,
    scopes: entry.scopes,
    ...(entry.requestsPerMinute !== undefined && { requestsPerMinute: entry.requestsPerMinute }),
  };
}
