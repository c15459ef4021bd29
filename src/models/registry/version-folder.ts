import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { messageOf } from '../../shared/errors.js';
import type { VersionProblem } from '../version-problem.js';
import type { RegistryVersion } from './registry.js';

/** Most files that a version's folder may hold, and how deep. */
const maxFiles = 1000;
const maxDepth = 4;

/** Reads a version's folder: every file's size and time, and links that leave it. Never throws for what it finds there. */
export async function readVersionFolder(version: string, folder: string): Promise<RegistryVersion> {
  const walk = new FolderWalk(folder);
  await walk.read('', 0);
  return { version, folder, fingerprint: walk.fingerprint(), problems: walk.problems };
}

/** Whether `path` is `folder` or lies in it. Both absolute, links resolved. */
export function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

class FolderWalk {
  readonly problems: VersionProblem[] = [];
  readonly #folder: string;
  readonly #facts: string[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  fingerprint(): string {
    return createHash('sha256').update(this.#facts.sort().join('\n')).digest('base64url');
  }

  async read(under: string, depth: number): Promise<void> {
    try {
      const names = await readdir(join(this.#folder, under));
      for (const name of names) await this.#look(join(under, name), depth);
    } catch (error) {
      this.#refuse(under, `cannot be read: ${errorCode(error)}`);
    }
  }

  async #look(name: string, depth: number): Promise<void> {
    if (this.#facts.length >= maxFiles) {
      if (this.problems.length === 0) this.#refuse('', `holds more than ${maxFiles} files`);
      return;
    }
    try {
      const real = await realpath(join(this.#folder, name));
      if (!isInside(this.#folder, real)) return this.#refuse(name, 'is a link that leaves the version folder');
      const facts = await stat(real);
      if (facts.isFile()) this.#facts.push(`${name}\0${facts.size}\0${facts.mtimeMs}`);
      else if (facts.isDirectory() && depth < maxDepth) await this.read(name, depth + 1);
    } catch (error) {
      this.#refuse(name, `cannot be read: ${errorCode(error)}`);
    }
  }

  #refuse(name: string, message: string): void {
    this.problems.push({ file: name === '' ? '.' : name, message, severity: 'error' });
    this.#facts.push(`${name}\0${message}`);
  }
}

/** `EACCES`: tells what happened without telling paths of the machine. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
}
