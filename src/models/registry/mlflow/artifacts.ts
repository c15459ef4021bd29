import { isPlainObject } from '../../../shared/json.js';
import { safePath, urlPath } from './artifact-path.js';
import { MlflowFault, type DownloadLimits, type MlflowClient, type Query } from './mlflow-client.js';
import { artifactUri, type MlflowVersion } from './registered-models.js';

/** A file of a version. */
export interface ArtifactFile {
  /** Below the version, `/` between its parts; safe to write to. */
  readonly path: string;
  readonly bytes: number;
}

/** The files of one version, wherever MLflow keeps them. It is always the tracking server that is asked for them. */
export interface Artifacts {
  /** undefined: there is no way to list them, only to fetch those whose names are known. @throws MlflowFault */
  list(): Promise<readonly ArtifactFile[] | undefined>;
  /** @returns its bytes @throws MlflowFault */
  fetch(path: string, file: string, limits: DownloadLimits): Promise<number>;
}

/** Most files of a version, and how deep its folders may go. */
const maxFiles = 1000;
const maxDepth = 8;
const proxyBase = '/api/2.0/mlflow-artifacts/artifacts';

/** @throws MlflowFault */
export async function findArtifacts(client: MlflowClient, name: string, version: MlflowVersion): Promise<Artifacts> {
  const uri = await artifactUri(client, name, version.version);
  const proxied = proxiedPath(uri);
  const byVersion = new ArtifactsByVersion(client, name, version, listings(version, uri));
  return proxied === undefined ? byVersion : new ProxiedArtifacts(client, proxied, byVersion);
}

/**
 * The path that the tracking server's own proxy knows; undefined for a location elsewhere. Host and port of the location are
 * not followed: only the configuration says who is asked.
 */
export function proxiedPath(uri: string): string | undefined {
  const found =
    /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(uri) ??
    /^https?:\/\/[^?#]*?\/api\/2\.0\/mlflow-artifacts\/artifacts\/(.*)$/.exec(uri);
  const path = found?.[1]?.replace(/\/+$/, '');
  return path === undefined ? undefined : safePath(path);
}

/** By the proxy of the tracking server; where that is switched off, by version. */
class ProxiedArtifacts implements Artifacts {
  readonly #client: MlflowClient;
  readonly #root: string;
  #instead: Artifacts | undefined;
  readonly #byVersion: Artifacts;

  constructor(client: MlflowClient, root: string, byVersion: Artifacts) {
    this.#client = client;
    this.#root = root;
    this.#byVersion = byVersion;
  }

  async list(): Promise<readonly ArtifactFile[] | undefined> {
    try {
      return await walk((folder) => {
        const path = folder === '' ? this.#root : `${this.#root}/${folder}`;
        return entries(this.#client, proxyBase, { path }, baseName);
      });
    } catch (error) {
      if (!isSwitchedOff(error)) throw error;
      this.#instead = this.#byVersion;
      return this.#byVersion.list();
    }
  }

  fetch(path: string, file: string, limits: DownloadLimits): Promise<number> {
    if (this.#instead !== undefined) return this.#instead.fetch(path, file, limits);
    return this.#client.download(`${proxyBase}/${urlPath(`${this.#root}/${path}`)}`, {}, file, limits);
  }
}

/** A way to list what the proxy does not hold. */
interface Listing {
  readonly path: string;
  readonly query: (folder: string) => Query;
  /** The path below the version of what is listed. */
  readonly within: (path: string) => string;
}

/** MLflow 3 keeps a model by itself; before, a model is a folder of a run. */
function listings({ source, runId }: MlflowVersion, uri: string): Listing[] {
  const found: Listing[] = [];
  const logged = /^models:\/(m-[0-9a-f]{32})$/.exec(source)?.[1];
  if (logged !== undefined) {
    const path = `/api/2.0/mlflow/logged-models/${logged}/artifacts/directories`;
    const query = (folder: string): Query => (folder === '' ? {} : { artifact_directory_path: folder });
    found.push({ path, query, within: (listed) => listed });
  }
  const inRun = runId === '' ? undefined : uri.split(`/${runId}/artifacts/`)[1]?.replace(/\/+$/, '');
  if (inRun !== undefined && inRun !== '') {
    const root = safePath(inRun);
    const query = (folder: string) => ({ run_id: runId, path: folder === '' ? root : `${root}/${folder}` });
    found.push({ path: '/api/2.0/mlflow/artifacts/list', query, within: (listed) => below(root, listed) });
  }
  return found;
}

function below(root: string, listed: string): string {
  if (listed.startsWith(`${root}/`)) return listed.slice(root.length + 1);
  throw new MlflowFault(`lists a file outside of the version: ${JSON.stringify(listed.slice(0, 80))}`);
}

/** Read by the tracking server, with its own rights, wherever they are. */
class ArtifactsByVersion implements Artifacts {
  readonly #client: MlflowClient;
  readonly #version: Query;
  readonly #listings: readonly Listing[];

  constructor(client: MlflowClient, name: string, version: MlflowVersion, ways: readonly Listing[]) {
    this.#client = client;
    this.#version = { name, version: version.version };
    this.#listings = ways;
  }

  async list(): Promise<readonly ArtifactFile[] | undefined> {
    for (const { path, query, within } of this.#listings) {
      try {
        return await walk((folder) => entries(this.#client, path, query(folder), within));
      } catch (error) {
        if (!isSwitchedOff(error)) throw error;
      }
    }
    return undefined;
  }

  fetch(path: string, file: string, limits: DownloadLimits): Promise<number> {
    return this.#client.download('/model-versions/get-artifact', { ...this.#version, path }, file, limits);
  }
}

/** Not here, or not served: another way may be open. */
function isSwitchedOff(error: unknown): boolean {
  return error instanceof MlflowFault && [404, 405, 501, 503].includes(error.status ?? 0);
}

interface Entry {
  readonly path: string;
  readonly isFolder: boolean;
  readonly bytes: number;
}

async function walk(entriesOf: (folder: string) => Promise<readonly Entry[]>): Promise<ArtifactFile[]> {
  const files: ArtifactFile[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await entriesOf(folder)) {
      const path = safePath(
        folder === '' || entry.path.startsWith(`${folder}/`) ? entry.path : `${folder}/${entry.path}`,
      );
      if (files.length >= maxFiles) throw new MlflowFault(`lists more than ${maxFiles} files`);
      if (!entry.isFolder) files.push({ path, bytes: entry.bytes });
      else if (depth < maxDepth) await visit(path, depth + 1);
      else throw new MlflowFault(`lists folders deeper than ${maxDepth}`);
    }
  };
  await visit('', 0);
  return files;
}

async function entries(
  client: MlflowClient,
  path: string,
  query: Query,
  within: (path: string) => string,
): Promise<Entry[]> {
  const { files = [] } = await client.get(path, query);
  if (!Array.isArray(files) || !files.every(isPlainObject)) throw new MlflowFault('lists its files as no list');
  return files.map((file) => {
    if (typeof file['path'] !== 'string') throw new MlflowFault('lists a file without a path');
    const bytes = Number(file['file_size'] ?? 0);
    return { path: within(file['path']), isFolder: file['is_dir'] === true, bytes: Number.isFinite(bytes) ? bytes : 0 };
  });
}

/** The proxy names what it lists without its folder. */
function baseName(path: string): string {
  if (!path.includes('/')) return path;
  throw new MlflowFault(`lists a file whose path is not safe: ${JSON.stringify(path.slice(0, 80))}`);
}
