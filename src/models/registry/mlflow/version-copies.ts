import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isPlainObject } from '../../../shared/json.js';
import type { Clock } from '../../../shared/clock.js';
import { errorCode } from '../version-folder.js';

/** A version's files on this machine. */
export interface VersionCopy {
  /** Absolute path of the folder. */
  readonly folder: string;
  /** SHA-256 over the paths and contents of all files. */
  readonly digest: string;
  readonly flavours: readonly string[];
  /** It has an ONNX flavour, whose graph is model.onnx. */
  readonly onnx: boolean;
}

/** Where a copy is kept: a version of one model, of one life of its number. */
export interface CopyPlace {
  readonly modelId: string;
  /** `3-6b1f0c9a`: the version, and what tells it from another of the same number. */
  readonly key: string;
}

/** A folder that is being filled by this process, and by no other. */
export interface Draft {
  readonly folder: string;
  /** Says that the work goes on; cheap, so it may be called often. */
  keepAlive(): void;
}

/** A draft that nobody has touched for so long was left by a process that died. */
const abandonedMs = 120_000;
const keepAliveMs = 5000;
const privateFolder = { recursive: true, mode: 0o700 } as const;

/**
 * The local copies, shared by all processes over one data folder: a version is fetched by one of them, and appears whole or not at
 * all. `<root>/<model_id>/<key>` is the version's folder, `<key>.json` beside it says that it is whole, and its digest;
 * `.<key>.draft` is there while a process fills it, until both are: only who made that may touch the two.
 */
export class VersionCopies {
  readonly #root: string;
  readonly #clock: Clock;

  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  /** The copy, its files checked against their digest. undefined: there is none, or it is damaged. */
  async find(place: CopyPlace): Promise<VersionCopy | undefined> {
    const { folder, facts } = this.#paths(place);
    const copy = await readFacts(facts, folder);
    if (copy === undefined) return undefined;
    const digest = await digestOf(folder).catch(() => undefined);
    return digest === copy.digest ? copy : undefined;
  }

  /** A folder to fill; undefined: another process fills it, or has filled it by now. */
  async begin(place: CopyPlace): Promise<Draft | undefined> {
    const { draft, filling } = this.#paths(place);
    await mkdir(join(this.#root, place.modelId), privateFolder);
    if (!(await this.#claim(draft))) return undefined;
    // Between a look by find and the claim another process may have finished.
    if ((await this.find(place)) !== undefined) {
      await this.giveUp(place);
      return undefined;
    }
    await mkdir(filling, privateFolder);
    return { folder: filling, keepAlive: this.#keptAlive(draft) };
  }

  /** Makes the draft the copy, in the place of a damaged one. */
  async finish(place: CopyPlace, facts: Pick<VersionCopy, 'flavours' | 'onnx'>): Promise<VersionCopy> {
    const paths = this.#paths(place);
    const digest = await digestOf(paths.filling);
    await this.remove(place);
    await rename(paths.filling, paths.folder);
    await replaceFile(paths.facts, JSON.stringify({ digest, ...facts }));
    await this.giveUp(place);
    return { folder: paths.folder, digest, ...facts };
  }

  /** Lets another process begin. */
  async giveUp(place: CopyPlace): Promise<void> {
    await rm(this.#paths(place).draft, { recursive: true, force: true });
  }

  async remove(place: CopyPlace): Promise<void> {
    const { folder, facts } = this.#paths(place);
    await rm(facts, { force: true });
    await rm(folder, { recursive: true, force: true });
  }

  /** Everything that is kept. */
  async list(): Promise<CopyPlace[]> {
    const models = await namesIn(this.#root);
    const places = await Promise.all(
      models.map(async (modelId) =>
        (await namesIn(join(this.#root, modelId)))
          .filter((name) => name.endsWith('.json'))
          .map((name) => ({ modelId, key: name.slice(0, -'.json'.length) })),
      ),
    );
    return places.flat();
  }

  #paths({ modelId, key }: CopyPlace) {
    const parent = join(this.#root, modelId);
    const draft = join(parent, `.${key}.draft`);
    return { folder: join(parent, key), facts: join(parent, `${key}.json`), draft, filling: join(draft, 'files') };
  }

  async #claim(draft: string): Promise<boolean> {
    if (await made(draft)) return true;
    if (!(await this.#isAbandoned(draft))) return false;
    await rm(draft, { recursive: true, force: true });
    return made(draft);
  }

  async #isAbandoned(draft: string): Promise<boolean> {
    try {
      return this.#clock.now() - (await stat(draft)).mtimeMs > abandonedMs;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return true;
      throw error;
    }
  }

  #keptAlive(draft: string): () => void {
    let last = this.#clock.monotonic();
    return () => {
      if (this.#clock.monotonic() - last < keepAliveMs) return;
      last = this.#clock.monotonic();
      const now = this.#clock.now() / 1000;
      // A draft that is gone shows itself when the next file is written.
      utimes(draft, now, now).catch(() => undefined);
    };
  }
}

/** false: it is there already. */
async function made(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map(({ name }) => name).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

async function readFacts(file: string, folder: string): Promise<VersionCopy | undefined> {
  try {
    const facts: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (!isPlainObject(facts)) return undefined;
    const { digest, flavours, onnx } = facts;
    if (typeof digest !== 'string' || !Array.isArray(flavours)) return undefined;
    return { folder, digest, flavours: flavours.map(String), onnx: onnx === true };
  } catch {
    // Absent, or cut off: then the copy is not whole.
    return undefined;
  }
}

/** Written beside its place and moved there. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, file);
}

/** Changes with every byte of every file, and with their paths. */
async function digestOf(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const whole = createHash('sha256');
  for (const file of files.sort()) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
    whole.update(`${file.slice(folder.length)}\0${hash.digest('hex')}\n`);
  }
  return `sha256:${whole.digest('hex')}`;
}
