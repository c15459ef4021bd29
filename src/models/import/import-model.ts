import { copyFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { modelIdPattern } from '../../shared/names.js';
import { inferFeatures, nameColumns } from '../manifest/infer-features.js';
import { manifestFile } from '../manifest/manifest-reader.js';
import { ModelLoadError } from '../model-load-error.js';
import { inspectOnnx } from '../onnx/inspect-onnx.js';
import { modelFile } from '../registry/directory-registry.js';
import { isVersionName } from '../registry/version-name.js';
import type { FeatureSpec } from '../signature.js';
import { manifestText } from './manifest-text.js';

export interface ImportOptions {
  readonly onnxFile: string;
  readonly modelsDirectory: string;
  readonly modelId: string;
  readonly version: string;
  readonly description?: string | undefined;
  /** Names of the columns of a single [N, F] input; f0, f1, … without. */
  readonly featureNames?: readonly string[] | undefined;
  /** Where model.schema.json is, for the editor; a path or a URL. */
  readonly schema?: string | undefined;
}

export interface ImportResult {
  readonly folder: string;
  readonly features: readonly FeatureSpec[];
  /** The names are made up: f0, f1, … */
  readonly namesInvented: boolean;
}

/** Something in the way of an import, in words for the person who asked. */
export class ImportRefused extends Error {
  override readonly name = 'ImportRefused';
}

/**
 * Puts a model file, its external data and an inferred model.yaml into `<models>/<id>/<version>`, all at once.
 * @throws ImportRefused when the names are wrong or the version exists; ModelLoadError when the file cannot be served.
 */
export async function importModel(options: ImportOptions): Promise<ImportResult> {
  checkNames(options);
  const folder = join(options.modelsDirectory, options.modelId, options.version);
  if (await exists(folder)) throw new ImportRefused(`${folder} exists already; a version is never overwritten`);
  const source = resolve(options.onnxFile);
  const { signature, problems, graph } = await inspectOnnx(await readFile(source), dirname(source));
  if (problems.length > 0) throw new ModelLoadError(problems);
  const { features, namesInvented } = importedFeatures(signature, options.featureNames);
  const text = manifestText({ features, graph: signature, namesInvented, ...options });
  const locations = [...new Set(graph.externalData.map(({ location }) => location))];
  await writeVersion(folder, text, { source, locations });
  return { folder, features, namesInvented };
}

function checkNames({ modelId, version }: ImportOptions): void {
  if (!modelIdPattern.test(modelId)) {
    throw new ImportRefused(
      `${JSON.stringify(modelId)} is no model id: letters, digits, . _ and -, at most 128, no sign first`,
    );
  }
  if (!isVersionName(version)) {
    throw new ImportRefused(`${JSON.stringify(version)} is no version: semver such as 1.0.0, or a positive integer`);
  }
}

function importedFeatures(graph: Parameters<typeof inferFeatures>[0], names: readonly string[] | undefined) {
  const { features, unnamed } = inferFeatures(graph);
  if (features !== undefined) {
    if (names !== undefined)
      throw new ImportRefused('the inputs of the graph name the features already; leave the names out');
    return { features, namesInvented: false };
  }
  const { columns, input } = unnamed;
  if (columns === null && names === undefined) {
    throw new ImportRefused(`input '${input.name}' does not say how many columns it has; name the features`);
  }
  if (names !== undefined && columns !== null && names.length !== columns) {
    throw new ImportRefused(`input '${input.name}' has ${columns} columns, but ${names.length} names were given`);
  }
  if (new Set(names).size < (names?.length ?? 0)) throw new ImportRefused('a feature is named twice');
  return { features: nameColumns(unnamed, names), namesInvented: names === undefined };
}

/** Written beside its place and moved there, so that a running service never sees half of it. */
async function writeVersion(
  folder: string,
  manifest: string,
  { source, locations }: { source: string; locations: readonly string[] },
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(join(dirname(folder), '.import-'));
  try {
    await copyFile(source, join(draft, modelFile));
    for (const location of locations) {
      await mkdir(dirname(join(draft, location)), { recursive: true });
      await copyFile(join(dirname(source), location), join(draft, location));
    }
    await writeFile(join(draft, manifestFile), manifest);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
