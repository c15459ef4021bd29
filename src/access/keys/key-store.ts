import type { KeyEntry } from './key-entry.js';

/**
 * Where API keys are kept. Written by the command line, read by every running server. Operations are atomic: two of them at once leave
 * what one after the other would. All reject with an Error in the engine's words when the store is out of reach.
 */
export interface KeyStore {
  /** @throws Error when the id or the hash exists already. */
  insert(entry: KeyEntry): Promise<void>;
  /** Every key, also expired and revoked ones, oldest first. */
  list(): Promise<readonly KeyEntry[]>;
  /**
   * Puts `successor` in the place of the key `id`, which expires at `overlapEnd` or at its own time, whichever is first.
   * @returns false, with nothing changed, when `id` does not exist, is revoked or was replaced before.
   */
  replace(id: string, successor: KeyEntry, overlapEnd: number): Promise<boolean>;
  /** @returns false when there is no such key; true also when it was revoked before (then its time stays). */
  revoke(id: string, at: number): Promise<boolean>;
  /** A text that differs from an earlier one when any key was changed in between, by whatever process. Much cheaper than `list`. */
  changes(): Promise<string>;
  close(): Promise<void>;
}
