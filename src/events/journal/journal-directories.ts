import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { JournalFiles } from './journal-files.js';
import type { ProcessTable } from './process-table.js';

/** Owner of a directory that nobody uses: its events wait for the next process. */
const nobody = 'closed';
const namePattern = /^(?<label>[A-Za-z0-9_-]+)\.(?<owner>[A-Za-z0-9-]+)$/;

export interface JournalDirectoriesOptions {
  readonly root: string;
  readonly worker: string;
  readonly files: JournalFiles;
  readonly processes: ProcessTable;
}

/**
 * The directories below the journal's root, one for each worker of each process that ran: `<worker>_<random>.<owner>`. The owner
 * is in the name, so taking over what a dead process left is one rename: only one taker succeeds, and no lock can be left over.
 */
export class JournalDirectories {
  readonly #options: JournalDirectoriesOptions;

  constructor(options: JournalDirectoriesOptions) {
    this.#options = options;
  }

  /** A name for a new directory of this process; nothing is made. */
  newPath(): string {
    const { root, worker, processes } = this.#options;
    return join(root, `${worker}_${randomBytes(4).toString('hex')}.${processes.self}`);
  }

  /** Takes over every directory without a living owner; answers their new paths, those of this worker's name last. */
  adopt(): string[] {
    const { root, files, worker } = this.#options;
    const orphans = listOrNone(files, root).filter((name) => this.#isOrphan(name));
    const own = orphans.filter((name) => name.startsWith(`${worker}_`));
    const others = orphans.filter((name) => !name.startsWith(`${worker}_`));
    return [...others, ...own].flatMap((name) => this.#take(name));
  }

  /** Leaves a directory to the next process. */
  release(path: string): void {
    this.#options.files.rename(path, path.slice(0, path.lastIndexOf('.')) + `.${nobody}`);
  }

  #isOrphan(name: string): boolean {
    const owner = namePattern.exec(name)?.groups?.['owner'];
    if (owner === undefined) return false;
    return owner === nobody || !this.#options.processes.alive(owner);
  }

  #take(name: string): string[] {
    const { root, files, processes } = this.#options;
    const path = join(root, `${name.slice(0, name.lastIndexOf('.'))}.${processes.self}`);
    try {
      files.rename(join(root, name), path);
      return [path];
    } catch (thrown) {
      // Another worker was faster.
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw thrown;
    }
  }
}

/** Names below `path`; none where there is no such directory. */
export function listOrNone(files: Pick<JournalFiles, 'list'>, path: string): string[] {
  try {
    return files.list(path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw thrown;
  }
}
