import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { modelIdPattern } from '../../shared/names.js';

/**
 * Models that were unloaded by request: an empty file of the model's name each, in one folder. So every process that shares the folder
 * knows them, a restart too, and two processes that change the set never undo each other's change.
 */
export class UnloadedModels {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws Error of the file system */
  async list(): Promise<ReadonlySet<string>> {
    try {
      const names = await readdir(this.#folder);
      return new Set(names.filter((name) => modelIdPattern.test(name)));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Set();
      throw error;
    }
  }

  /** @throws Error of the file system */
  async add(modelId: string): Promise<void> {
    const file = this.#fileOf(modelId);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(file, '', { mode: 0o600 });
  }

  /** @throws Error of the file system */
  async remove(modelId: string): Promise<void> {
    await rm(this.#fileOf(modelId), { force: true });
  }

  #fileOf(modelId: string): string {
    if (!modelIdPattern.test(modelId)) throw new Error('not the name of a model');
    return path.join(this.#folder, modelId);
  }
}
