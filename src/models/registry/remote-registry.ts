import { modelIdPattern } from '../../shared/names.js';
import { messageOf } from '../../shared/errors.js';
import type { VersionProblem } from '../version-problem.js';
import type { IgnoredFolder, Registry, RegistryModel, RegistrySnapshot, RegistryVersion } from './registry.js';
import { compareVersions, isVersionName } from './version-name.js';

/** A model that a server holds, with its versions as the server names them (none: it does not say). */
export interface ListedModel {
  readonly model: string;
  readonly versions: readonly string[];
}

/** Asks a model server what it holds ready. @throws Error in words when it cannot be asked */
export type ListModels = () => Promise<readonly ListedModel[]>;

export interface RemoteRegistryOptions {
  readonly url: string;
  readonly list: ListModels;
}

/** The models of the server of model_server.url. */
export class RemoteRegistry implements Registry {
  readonly #options: RemoteRegistryOptions;

  constructor(options: RemoteRegistryOptions) {
    this.#options = options;
  }

  async scan(): Promise<RegistrySnapshot> {
    try {
      const listed = await this.#options.list();
      const ignored: IgnoredFolder[] = [];
      const models = listed.flatMap((model) => this.#model(model, ignored));
      return { models, ignored, complete: true, problems: [] };
    } catch (error) {
      return { models: [], ignored: [], complete: false, problems: [problem(`cannot be asked: ${messageOf(error)}`)] };
    }
  }

  #model({ model, versions }: ListedModel, ignored: IgnoredFolder[]): RegistryModel[] {
    if (!modelIdPattern.test(model)) {
      ignored.push({ folder: 'model_server', reason: 'it has a model whose name is no model_id' });
      return [];
    }
    const found = this.#versions(model, versions);
    const aliases = new Map<string, string>();
    return [{ modelId: model, versions: found, aliases, complete: true, problems: [] }];
  }

  #versions(model: string, names: readonly string[]): RegistryVersion[] {
    const { url } = this.#options;
    const versionOf = (version: string, remote: string | undefined): RegistryVersion => ({
      version,
      folder: '',
      fingerprint: `${url} ${remote ?? ''}`,
      remote: { runtime: 'open-inference', url, model, version: remote },
      problems: [],
    });
    const named = new Map(
      names.flatMap((name) => (localName(name) === undefined ? [] : [[localName(name) ?? '', name]])),
    );
    if (named.size === 0) return [versionOf('1', names[0])];
    const versions = [...named].map(([version, remote]) => versionOf(version, remote));
    return versions.sort((a, b) => compareVersions(a.version, b.version));
  }
}

/** v3 on a server is our 3; undefined for a name that no version can have. */
function localName(name: string): string | undefined {
  const plain = name.replace(/^v(?=\d)/, '');
  return isVersionName(plain) ? plain : undefined;
}

function problem(message: string): VersionProblem {
  return { file: 'model_server.url', message, severity: 'error' };
}
