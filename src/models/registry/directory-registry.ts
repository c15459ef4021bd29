import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { modelIdPattern } from '../../shared/names.js';
import type { VersionProblem } from '../version-problem.js';
import { aliasesFile, readAliases, type AliasesReading } from './aliases-file.js';
import type { IgnoredFolder, Registry, RegistryModel, RegistrySnapshot, RegistryVersion } from './registry.js';
import { errorCode, isInside, readVersionFolder } from './version-folder.js';
import { compareVersions, isVersionName } from './version-name.js';

/** Name of the model file in a version's folder. */
export const modelFile = 'model.onnx';
/** Longest aliases.yaml that is read, in bytes. */
const maxAliasesBytes = 1 << 20;

export interface DirectoryRegistryOptions {
  readonly directory: string;
  /** Name of the model where the folder itself holds model.onnx; else the folder's name. */
  readonly modelId?: string | undefined;
  /** Other registries are searched too, so it need not exist; once it was there, its absence is a fault all the same. */
  readonly optional?: boolean;
}

/** Models from a folder: `<model_id>/<version>/model.onnx`, or one model where the folder itself holds model.onnx. */
export class DirectoryRegistry implements Registry {
  readonly #options: DirectoryRegistryOptions;
  #seen = false;

  constructor(options: DirectoryRegistryOptions) {
    this.#options = options;
  }

  async scan(): Promise<RegistrySnapshot> {
    try {
      const root = await realpath(this.#options.directory);
      const names = (await readdir(root)).sort();
      this.#seen = true;
      if (names.includes(modelFile)) return await this.#singleModel(root);
      return await scanModels(root, names);
    } catch (error) {
      const absent = errorCode(error) === 'ENOENT';
      if (absent && this.#options.optional === true && !this.#seen) return nothing;
      return emptySnapshot(
        absent ? 'the models folder does not exist' : `the models folder cannot be read: ${errorCode(error)}`,
        false,
      );
    }
  }

  async #singleModel(root: string): Promise<RegistrySnapshot> {
    const modelId = this.#options.modelId ?? basename(root);
    if (!modelIdPattern.test(modelId))
      return emptySnapshot(`${JSON.stringify(modelId)} is no model_id; set models.model_id`);
    const version = await readVersionFolder('1', root);
    const model = { modelId, versions: [version], aliases: new Map<string, string>(), complete: true, problems: [] };
    return { models: [model], ignored: [], complete: true, problems: [] };
  }
}

const nothing: RegistrySnapshot = { models: [], ignored: [], complete: true, problems: [] };

function emptySnapshot(message: string, complete = true): RegistrySnapshot {
  return { models: [], ignored: [], complete, problems: [{ file: '.', message, severity: 'error' }] };
}

async function scanModels(root: string, names: readonly string[]): Promise<RegistrySnapshot> {
  const ignored: IgnoredFolder[] = [];
  const problems: VersionProblem[] = [];
  const models: RegistryModel[] = [];
  let complete = true;
  for (const name of names) {
    const found = await findFolder(root, root, name);
    if (found === undefined) continue;
    if ('problem' in found) {
      problems.push(found.problem);
      complete &&= !found.unreadable;
    } else if (modelIdPattern.test(name)) models.push(await scanModel(root, name, ignored));
    else ignored.push({ folder: name, reason: 'its name is no model_id' });
  }
  if (models.length === 0 && problems.length === 0) {
    problems.push({ file: '.', message: 'the models folder holds no model', severity: 'error' });
  }
  return { models, ignored, complete, problems };
}

async function scanModel(root: string, modelId: string, ignored: IgnoredFolder[]): Promise<RegistryModel> {
  const problems: VersionProblem[] = [];
  const versions: RegistryVersion[] = [];
  let complete = true;
  try {
    const folder = await realpath(join(root, modelId));
    for (const name of await readdir(folder)) {
      const found = await findFolder(root, folder, name);
      if (found === undefined) continue;
      if ('problem' in found) {
        problems.push(found.problem);
        complete &&= !found.unreadable;
      } else if (isVersionName(name)) versions.push(await readVersionFolder(name, found.folder));
      else ignored.push({ folder: `${modelId}/${name}`, reason: 'its name is neither semver nor a positive integer' });
    }
    const reading = await readAliasesOf(folder);
    problems.push(...reading.problems);
    versions.sort((a, b) => compareVersions(a.version, b.version));
    return { modelId, versions, aliases: reading.aliases, complete, problems };
  } catch (error) {
    problems.push({ file: modelId, message: `cannot be read: ${errorCode(error)}`, severity: 'error' });
    return { modelId, versions, aliases: undefined, complete: false, problems };
  }
}

/** `unreadable`: it may well be there. */
type FoundFolder = { readonly folder: string } | { readonly problem: VersionProblem; readonly unreadable: boolean };

/** The folder `name` of `parent`, links resolved; undefined for files and hidden entries. */
async function findFolder(root: string, parent: string, name: string): Promise<FoundFolder | undefined> {
  if (name.startsWith('.')) return undefined;
  try {
    const real = await realpath(join(parent, name));
    if (!(await stat(real)).isDirectory()) return undefined;
    if (isInside(root, real)) return { folder: real };
    return refusedFolder(name, 'is a link that leaves the models folder', false);
  } catch (error) {
    const dangling = errorCode(error) === 'ENOENT';
    return refusedFolder(name, dangling ? 'is a link to nothing' : `cannot be read: ${errorCode(error)}`, !dangling);
  }
}

function refusedFolder(file: string, message: string, unreadable: boolean): FoundFolder {
  return { problem: { file, message, severity: 'error' }, unreadable };
}

async function readAliasesOf(folder: string): Promise<AliasesReading> {
  const path = join(folder, aliasesFile);
  try {
    const real = await realpath(path);
    if (!isInside(folder, real)) return untrusted('is a link that leaves the model folder');
    if ((await stat(real)).size > maxAliasesBytes) return untrusted(`is longer than ${maxAliasesBytes} bytes`);
    return readAliases(await readFile(real, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { aliases: new Map(), problems: [] };
    return untrusted(`cannot be read: ${errorCode(error)}`);
  }
}

function untrusted(message: string): AliasesReading {
  return { aliases: undefined, problems: [{ file: aliasesFile, message, severity: 'error' }] };
}
