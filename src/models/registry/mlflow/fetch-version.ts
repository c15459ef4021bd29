import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { manifestFile, ManifestReader, maxManifestBytes } from '../../manifest/manifest-reader.js';
import { maxMlmodelBytes, mlmodelFile, readMlmodel, type Mlmodel } from '../../mlflow/mlmodel.js';
import { manifestOfSignature } from '../../mlflow/signature-manifest.js';
import { OnnxFormatError } from '../../onnx/onnx-format-error.js';
import { readOnnxGraph } from '../../onnx/read-graph.js';
import { modelFile } from '../directory-registry.js';
import { safePath } from './artifact-path.js';
import type { ArtifactFile, Artifacts } from './artifacts.js';
import { MlflowFault, type DownloadLimits } from './mlflow-client.js';

export interface FetchLimits extends Pick<DownloadLimits, 'timeoutMs' | 'cancel' | 'progress'> {
  /** Of all files together. */
  readonly maxBytes: number;
}

export interface FetchedVersion {
  readonly flavours: readonly string[];
  readonly onnx: boolean;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Fetches a version into an empty folder: all of it where it is ONNX, else its description only. Where no model.yaml comes with it, one is
 * made from the signature.
 * @throws MlflowFault, MlmodelError
 */
export async function fetchVersion(
  artifacts: Artifacts,
  folder: string,
  { description, limits }: { readonly description: string; readonly limits: FetchLimits },
): Promise<FetchedVersion> {
  const listed = await artifacts.list();
  const fetch = new FolderFetch(artifacts, folder, limits);
  fetch.refuseTooMuch(listed ?? []);
  await fetch.file(mlmodelFile, maxMlmodelBytes);
  const model = readMlmodel(await readFile(join(folder, mlmodelFile), 'utf8'));
  const onnx = isOnnx(model);
  await fetchRest(fetch, listed, onnx);
  if (fetch.names.has(manifestFile)) await refuseServer(join(folder, manifestFile));
  else await writeFile(join(folder, manifestFile), manifestOfSignature(model, description), { mode: 0o600 });
  return { flavours: model.flavours, onnx, files: fetch.names.size, bytes: fetch.bytes };
}

/** Who may register a model may not say where rows are sent. What else is wrong with the manifest is said when it is loaded. */
async function refuseServer(file: string): Promise<void> {
  const { manifest } = new ManifestReader().read(await readFile(file, 'utf8'));
  if (manifest?.url === undefined) return;
  throw new MlflowFault(
    `${manifestFile} names a url: in MLflow it may not, mlflow.scoring_urls says where models compute`,
  );
}

function isOnnx({ onnxFile }: Mlmodel): boolean {
  if (onnxFile === undefined) return false;
  if (onnxFile === modelFile) return true;
  throw new MlflowFault(`holds its graph in ${JSON.stringify(onnxFile)}, which should be ${modelFile}`);
}

async function fetchRest(fetch: FolderFetch, listed: readonly ArtifactFile[] | undefined, onnx: boolean) {
  if (listed === undefined) return fetchUnlisted(fetch, onnx);
  for (const { path } of listed) {
    if (path === manifestFile) await fetch.file(path, maxManifestBytes);
    else if (onnx && path !== mlmodelFile) await fetch.file(path);
  }
}

/** What cannot be listed has names that are known: a manifest, the graph, and the files that the graph names. */
async function fetchUnlisted(fetch: FolderFetch, onnx: boolean): Promise<void> {
  await fetch.optionalFile(manifestFile, maxManifestBytes);
  if (!onnx) return;
  await fetch.file(modelFile);
  for (const location of await externalData(fetch.folder)) await fetch.file(location);
}

async function externalData(folder: string): Promise<ReadonlySet<string>> {
  try {
    const graph = readOnnxGraph(await readFile(join(folder, modelFile)));
    return new Set(graph.externalData.map(({ location }) => location));
  } catch (error) {
    // It is no graph: loading it says so, in its own words.
    if (error instanceof OnnxFormatError) return new Set();
    throw error;
  }
}

class FolderFetch {
  readonly folder: string;
  readonly names = new Set<string>();
  bytes = 0;
  readonly #artifacts: Artifacts;
  readonly #limits: FetchLimits;

  constructor(artifacts: Artifacts, folder: string, limits: FetchLimits) {
    this.#artifacts = artifacts;
    this.folder = folder;
    this.#limits = limits;
  }

  refuseTooMuch(listed: readonly ArtifactFile[]): void {
    const total = listed.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > this.#limits.maxBytes) throw this.#tooMuch();
  }

  async file(path: string, maxBytes = Infinity): Promise<void> {
    const limits = this.#limits;
    const left = limits.maxBytes - this.bytes;
    const target = join(this.folder, safePath(path));
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    try {
      this.bytes += await this.#artifacts.fetch(path, target, { ...limits, maxBytes: Math.min(left, maxBytes) });
    } catch (error) {
      if (!(error instanceof MlflowFault)) throw error;
      if (error.tooLarge && left < maxBytes) throw this.#tooMuch();
      throw new MlflowFault(`${path}: MLflow ${error.message}`, error.status);
    }
    this.names.add(path);
  }

  async optionalFile(path: string, maxBytes: number): Promise<void> {
    try {
      await this.file(path, maxBytes);
    } catch (error) {
      if (!(error instanceof MlflowFault) || error.status === undefined || error.status >= 500) throw error;
    }
  }

  #tooMuch(): MlflowFault {
    return new MlflowFault(`has more than ${this.#limits.maxBytes} bytes, which mlflow.max_version_bytes allows`);
  }
}
