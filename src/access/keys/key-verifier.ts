import type { Clock } from '../../shared/clock.js';
import type { AccessObserver } from '../observer.js';
import { DeclaredKeys } from './declared-keys.js';
import type { KeyStore } from './key-store.js';
import { KeyTable, type KeyVerdict } from './key-table.js';
import { StoredKeys } from './stored-keys.js';
import type { Timers } from '../../shared/timers.js';

export interface KeyVerifierOptions {
  readonly keyStore: KeyStore;
  readonly keysFile: string | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: AccessObserver;
}

/** A revoked key is refused after this long at the latest, in every process. */
export const keyRefreshMs = 5000;

/** A key that does not verify makes the sources be asked for changes, at most this often: so a new key works at once. */
const askAgainMs = 250;

/** Knows all API keys of the store and of the keys file, and keeps up with their changes. */
export class KeyVerifier {
  readonly #table: KeyTable;
  readonly #sources: readonly (StoredKeys | DeclaredKeys)[];
  readonly #clock: Clock;
  readonly #stopTimer: () => void;
  #refreshing: Promise<void> | undefined;
  #askedAt: number;

  private constructor(sources: readonly (StoredKeys | DeclaredKeys)[], { clock, timers }: KeyVerifierOptions) {
    this.#sources = sources;
    this.#clock = clock;
    this.#table = new KeyTable(clock);
    this.#rebuild();
    this.#askedAt = clock.monotonic();
    this.#stopTimer = timers.every(keyRefreshMs, () => void this.refresh());
  }

  /** @throws Error when the store cannot be read; KeysFileError with every problem of the keys file. */
  static async open(options: KeyVerifierOptions): Promise<KeyVerifier> {
    const { keyStore, keysFile, observer } = options;
    const stored = await StoredKeys.open(keyStore, observer);
    if (keysFile === undefined) return new KeyVerifier([stored], options);
    return new KeyVerifier([stored, await DeclaredKeys.open(keysFile, observer)], options);
  }

  /** Answers from memory. */
  verify(key: string): KeyVerdict {
    return this.#table.verify(key);
  }

  /** Whether asking the sources now could change a verdict: they were not asked just before. */
  get mayBeOutdated(): boolean {
    return this.#clock.monotonic() - this.#askedAt >= askAgainMs;
  }

  /** Asks the sources for changes; calls at the same time share one round. Never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Ends the refreshing. The store stays open: whoever opened it closes it. */
  async close(): Promise<void> {
    this.#stopTimer();
    await this.#refreshing;
  }

  async #ask(): Promise<void> {
    this.#askedAt = this.#clock.monotonic();
    const changed = await Promise.all(this.#sources.map((source) => source.refresh()));
    if (changed.includes(true)) this.#rebuild();
  }

  #rebuild(): void {
    this.#table.replaceAll(this.#sources.flatMap((source) => source.entries));
  }
}
