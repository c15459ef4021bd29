import { stat } from 'node:fs/promises';
import { messageOf } from '../../shared/errors.js';
import type { AccessObserver } from '../observer.js';
import type { KeyEntry } from './key-entry.js';
import { KeysFileError, readKeysFile } from './keys-file.js';

/** The keys of `auth.keys_file`, read again when the file changes. A file that went bad leaves the last good keys in force. */
export class DeclaredKeys {
  readonly #file: string;
  readonly #observer: AccessObserver;
  #fingerprint: string;
  #entries: readonly KeyEntry[];
  #reachable = true;

  private constructor(
    file: string,
    observer: AccessObserver,
    state: { fingerprint: string; entries: readonly KeyEntry[] },
  ) {
    this.#file = file;
    this.#observer = observer;
    this.#fingerprint = state.fingerprint;
    this.#entries = state.entries;
  }

  /** @throws KeysFileError with every problem of the file. */
  static async open(file: string, observer: AccessObserver): Promise<DeclaredKeys> {
    const fingerprint = await fingerprintOf(file).catch(() => '');
    const entries = await readKeysFile(file);
    observer.keysReloaded('file', entries.length);
    return new DeclaredKeys(file, observer, { fingerprint, entries });
  }

  get entries(): readonly KeyEntry[] {
    return this.#entries;
  }

  /** Reads the file if it is another one than before. @returns whether the keys are new. Never throws. */
  async refresh(): Promise<boolean> {
    try {
      const fingerprint = await fingerprintOf(this.#file);
      this.#reachable = true;
      if (fingerprint === this.#fingerprint) return false;
      // Taken first: a file that is bad is reported once, and read again only when it changes again.
      this.#fingerprint = fingerprint;
      this.#entries = await readKeysFile(this.#file);
      this.#observer.keysReloaded('file', this.#entries.length);
      return true;
    } catch (error) {
      if (error instanceof KeysFileError) this.#observer.keysFileInvalid(error.problems);
      else this.#unreachable(error);
      return false;
    }
  }

  #unreachable(error: unknown): void {
    if (this.#reachable) this.#observer.keysUnavailable('file', messageOf(error));
    this.#reachable = false;
    this.#fingerprint = '';
  }
}

/** Follows links: Kubernetes changes a mounted file by pointing a link at another one. */
async function fingerprintOf(file: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(file, { bigint: true });
  return `${ino}/${size}/${mtimeNs}`;
}
