import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../config/schema.js';
import { checkVersionFolder, type VersionCheck } from '../../models/check/check-version-folder.js';
import { promoteVersion, retireVersion } from '../../models/import/edit-aliases.js';
import { ImportRefused, importModel } from '../../models/import/import-model.js';
import { DirectoryRegistry } from '../../models/registry/directory-registry.js';
import { problemText, type VersionProblem } from '../../models/version-problem.js';
import { systemClock } from '../../shared/clock.js';
import { messageOf } from '../../shared/errors.js';
import { openViews } from '../open-features.js';
import { openMlflow } from '../open-mlflow.js';
import { openModelServers } from '../open-model-servers.js';
import { openCatalogue, openLoader } from '../open-models.js';
import type { ModelOperations, ModelReport } from '../operations.js';
import { settled } from './settled.js';
import { silentMlflowObserver, silentModelServerObserver, silentModelsObserver } from './silent-models-observer.js';

/** For editors: the manifest's schema in the program's own folder. */
const schemaFile = fileURLToPath(new URL('../../../docs/model.schema.json', import.meta.url));

export const modelOperations: ModelOperations = {
  async list(config) {
    const servers = openModelServers(config, silentModelServerObserver);
    const mlflow = await openMlflow(config, silentMlflowObserver);
    const catalogue = openCatalogue(config, await openViews(config), { servers, mlflow }, silentModelsObserver);
    try {
      await settled(catalogue);
      return catalogue.list();
    } finally {
      await catalogue.close();
      await mlflow?.close();
      await servers.close();
    }
  },

  async check(config, modelId, version) {
    const { directory, model_id: onlyModel } = config.inference_service.models;
    const registry = new DirectoryRegistry({ directory: path.resolve(directory), modelId: onlyModel });
    const { models, problems } = await registry.scan();
    const reports: ModelReport[] = modelId === undefined ? folderReports(directory, '', problems) : [];
    for (const model of models.filter((one) => modelId === undefined || one.modelId === modelId)) {
      if (version === undefined) reports.push(...folderReports(model.modelId, 'as a whole', model.problems));
      for (const found of model.versions.filter((one) => version === undefined || one.version === version))
        reports.push(await checkFolder(config, found.folder));
    }
    return reports;
  },

  async import(config, { file, modelId, version, columns }) {
    const modelsDirectory = path.resolve(config.inference_service.models.directory);
    const onnxFile = path.resolve(file);
    const { folder, namesInvented } = await named(file, () =>
      importModel({
        ...{ onnxFile, modelsDirectory, modelId, version },
        featureNames: columns,
        schema: path.relative(path.join(modelsDirectory, modelId, version), schemaFile),
      }),
    );
    const report = await checkFolder(config, folder);
    const naming = 'the columns have no names in the graph: name them in model.yaml, or import with --columns a,b,c';
    const notes = namesInvented ? [...report.notes, naming] : report.notes;
    return { manifest: shownPath(path.join(folder, 'model.yaml')), report: { ...report, notes } };
  },

  async promote(config, version, alias) {
    const modelsDirectory = path.resolve(config.inference_service.models.directory);
    const { previous } = await promoteVersion({ modelsDirectory, ...version }, alias);
    return previous;
  },

  async retire(config, version, force) {
    const modelsDirectory = path.resolve(config.inference_service.models.directory);
    const place = { modelsDirectory, ...version };
    const { folder, aliases } = await retireVersion(place, { force, now: systemClock.now() });
    return { folder: shownPath(folder), aliases };
  },
};

/** What is wrong with a model file says where in the file: here, in which. */
async function named<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImportRefused) throw error;
    throw new Error(`${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Relative to the current folder where it lies in it. */
function shownPath(file: string): string {
  const relative = path.relative('', file);
  return relative.startsWith('..') ? file : relative;
}

async function checkFolder(config: Config, folder: string): Promise<ModelReport> {
  const servers = openModelServers(config, silentModelServerObserver);
  try {
    const check = await checkVersionFolder(folder, {
      loadRuntime: openLoader(config, servers, silentModelsObserver),
      serverUrl: config.inference_service.model_server.url,
      views: await openViews(config),
      clock: systemClock,
    });
    return reportOf(check);
  } finally {
    await servers.close();
  }
}

function reportOf({ model_id, version, ok, problems, golden, signature }: VersionCheck): ModelReport {
  const failed = golden.filter((score) => !score.ok);
  const failures = failed.map(({ index, message }) => `golden row ${index}: ${message ?? 'not as expected'}`);
  const worst = Math.max(0, ...golden.map((score) => score.worst));
  const notes = problems.filter(({ severity }) => severity === 'warning').map(problemText);
  if (golden.length > 0 && failed.length === 0)
    notes.push(`${golden.length} golden rows as expected (largest difference ${worst.toPrecision(2)})`);
  if (signature !== undefined) notes.push(...signatureNotes(signature));
  return { modelId: model_id, version, ok, problems: [...errorsOf(problems), ...failures], notes };
}

function signatureNotes({ kind, runtime, example }: NonNullable<VersionCheck['signature']>): string[] {
  const cost = runtime.cost_per_run_us === undefined ? '' : `, ${Math.round(runtime.cost_per_run_us)} µs a run`;
  return [`${kind}, ${runtime.runtime} ${runtime.executor}${cost}`, `example request: ${JSON.stringify(example)}`];
}

/** What is wrong with a folder beside its versions, if anything. */
function folderReports(modelId: string, version: string, problems: readonly VersionProblem[]): ModelReport[] {
  if (problems.length === 0) return [];
  const errors = errorsOf(problems);
  const notes = problems.filter(({ severity }) => severity === 'warning').map(problemText);
  return [{ modelId, version, ok: errors.length === 0, problems: errors, notes }];
}

function errorsOf(problems: readonly VersionProblem[]): string[] {
  return problems.filter(({ severity }) => severity === 'error').map(problemText);
}
