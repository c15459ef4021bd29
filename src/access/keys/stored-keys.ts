import { messageOf } from '../../shared/errors.js';
import type { AccessObserver } from '../observer.js';
import type { KeyEntry } from './key-entry.js';
import type { KeyStore } from './key-store.js';

/** The keys of the store, held in memory and read again when one was changed. While the store is out of reach the last ones hold. */
export class StoredKeys {
  readonly #store: KeyStore;
  readonly #observer: AccessObserver;
  #changes: string | undefined;
  #entries: readonly KeyEntry[] = [];
  #reachable = true;

  private constructor(store: KeyStore, observer: AccessObserver) {
    this.#store = store;
    this.#observer = observer;
  }

  /** @throws Error when the store cannot be read. */
  static async open(store: KeyStore, observer: AccessObserver): Promise<StoredKeys> {
    const keys = new StoredKeys(store, observer);
    await keys.#read();
    return keys;
  }

  get entries(): readonly KeyEntry[] {
    return this.#entries;
  }

  /** Reads the keys if one was changed. @returns whether they were. Never throws. */
  async refresh(): Promise<boolean> {
    try {
      const changed = await this.#read();
      this.#reachable = true;
      return changed;
    } catch (error) {
      if (this.#reachable) this.#observer.keysUnavailable('store', messageOf(error));
      this.#reachable = false;
      return false;
    }
  }

  async #read(): Promise<boolean> {
    // Asked before the list: a change between the two is seen the next time, not missed.
    const changes = await this.#store.changes();
    if (changes === this.#changes) return false;
    this.#entries = await this.#store.list();
    this.#changes = changes;
    this.#observer.keysReloaded('store', this.#entries.length);
    return true;
  }
}
