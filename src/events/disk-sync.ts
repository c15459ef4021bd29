import { messageOf } from '../shared/errors.js';
import type { EventsOptions } from './options.js';
import type { DiskFiles } from './disk-files.js';
import type { Timers } from '../shared/timers.js';

export interface DiskSyncOptions {
  readonly files: DiskFiles;
  readonly policy: EventsOptions['journal_fsync'];
  readonly timers: Timers;
  readonly onFailure: (reason: string) => void;
}

const intervalMs = 1000;

/**
 * Brings what was written to the disk, by `journal_fsync`, off the event loop. One sync runs at a time; writes made meanwhile
 * share the next one. It also closes files, since one may be closed only when its last sync is done.
 */
export class DiskSync {
  readonly #options: DiskSyncOptions;
  readonly #dirty = new Set<number>();
  readonly #retired = new Set<number>();
  readonly #newDirectories = new Set<string>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: (() => void) | undefined;

  constructor(options: DiskSyncOptions) {
    this.#options = options;
  }

  /** A file was made in `directory`: a machine's crash must not lose its name. */
  created(directory: string): void {
    if (this.#options.policy !== 'never') this.#newDirectories.add(directory);
  }

  wrote(fd: number): void {
    if (this.#options.policy === 'never') return;
    this.#dirty.add(fd);
    if (this.#options.policy === 'interval') this.#timer ??= this.#options.timers.after(intervalMs, () => this.#tick());
  }

  /** Under `always`: settles when all that was written is on the disk. Never rejects. Otherwise there is nothing to wait for. */
  written(): Promise<void> | undefined {
    if (this.#options.policy !== 'always') return undefined;
    return this.#dirty.size > 0 ? this.flush() : this.#running;
  }

  /** No more writes to `fd`: it is closed after its last sync. */
  retire(fd: number): void {
    this.#retired.add(fd);
    if (this.#dirty.has(fd) || this.#running !== undefined) void this.flush();
    else this.#closeRetired();
  }

  flush(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#sync().finally(() => (this.#running = undefined));
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.flush();
    });
    return this.#next;
  }

  async close(): Promise<void> {
    this.#timer?.();
    this.#timer = undefined;
    await this.flush();
  }

  #tick(): void {
    this.#timer = undefined;
    void this.flush();
  }

  async #sync(): Promise<void> {
    const dirty = [...this.#dirty];
    const directories = [...this.#newDirectories];
    this.#dirty.clear();
    this.#newDirectories.clear();
    for (const fd of dirty) await this.#attempt(() => this.#options.files.sync(fd));
    for (const directory of directories) await this.#attempt(() => this.#options.files.syncDirectory(directory));
    this.#closeRetired();
  }

  #closeRetired(): void {
    for (const fd of this.#retired) {
      if (this.#dirty.has(fd)) continue;
      this.#retired.delete(fd);
      try {
        this.#options.files.close(fd);
      } catch (thrown) {
        this.#options.onFailure(messageOf(thrown));
      }
    }
  }

  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (thrown) {
      this.#options.onFailure(messageOf(thrown));
    }
  }
}
