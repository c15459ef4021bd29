import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.js';
import { messageOf } from '../../shared/errors.js';
import { manifestFile, maxManifestBytes, ManifestReader, type ManifestReading } from '../manifest/manifest-reader.js';
import { ModelLoadError } from '../model-load-error.js';
import { modelFile } from '../registry/directory-registry.js';
import { errorCode } from '../registry/version-folder.js';
import type { RegistryVersion } from '../registry/registry.js';
import type { LoadRuntime, LocalRuntime } from '../runtime-loader.js';
import type { BatchObserver, VersionName } from '../runtime-observer.js';
import { hasErrors, problemText, VersionRefused, type VersionProblem } from '../version-problem.js';
import type { LoadedVersion } from './loaded-version.js';
import { CompiledVersion, versionBatcher } from './serving-version.js';
import type { FeatureViewSources } from './stored-features.js';
import { planVersion, type VersionPlan } from './version-plan.js';

export interface VersionLoaderOptions {
  readonly loadRuntime: LoadRuntime;
  readonly views: FeatureViewSources;
  /** Largest time of one run on the event loop, in microseconds. */
  readonly batchTimeUs: number;
  /** Rows that may wait for a run, each version. */
  readonly queueRows: number;
  readonly clock: Clock;
  readonly observer: BatchObserver;
}

/** Reads a version's folder and brings it into memory. */
export class VersionLoader {
  readonly #options: VersionLoaderOptions;
  readonly #manifests = new ManifestReader();

  constructor(options: VersionLoaderOptions) {
    this.#options = options;
  }

  /** @throws VersionRefused with everything that is wrong: folder, manifest, graph and what does not fit between them. */
  async load(modelId: string, from: RegistryVersion): Promise<LoadedVersion> {
    const name = { modelId, version: from.version };
    const problems = [...from.problems];
    if (hasErrors(problems)) throw new VersionRefused(problems);
    const reading = await this.#readManifest(from.folder);
    problems.push(...reading.problems, ...runtimeProblems(reading));
    const runtime = await this.#loadRuntime(name, from.folder, problems);
    if (runtime === undefined) throw new VersionRefused(problems);
    try {
      const plan = planVersion({ name, reading, graph: runtime.signature, views: this.#options.views }, problems);
      if (plan === undefined || hasErrors(problems)) throw new VersionRefused(problems);
      return this.#assemble(name, reading, runtime, { plan, problems });
    } catch (error) {
      await runtime.close();
      throw error;
    }
  }

  async #readManifest(folder: string): Promise<ManifestReading> {
    const path = join(folder, manifestFile);
    try {
      if ((await stat(path)).size > maxManifestBytes)
        return refusedManifest(`is longer than ${maxManifestBytes} bytes`);
      return this.#manifests.read(await readFile(path, 'utf8'));
    } catch (error) {
      return errorCode(error) === 'ENOENT' ? { problems: [] } : refusedManifest(`cannot be read: ${errorCode(error)}`);
    }
  }

  async #loadRuntime(name: VersionName, folder: string, problems: VersionProblem[]): Promise<LocalRuntime | undefined> {
    const file = join(folder, modelFile);
    try {
      await stat(file);
      return await this.#options.loadRuntime({ name, file, folder });
    } catch (error) {
      problems.push(...graphProblems(error));
      return undefined;
    }
  }

  #assemble(
    name: VersionName,
    reading: ManifestReading,
    runtime: LocalRuntime,
    { plan, problems }: { plan: VersionPlan; problems: readonly VersionProblem[] },
  ): LoadedVersion {
    const { batchTimeUs, queueRows, clock, observer } = this.#options;
    const batcher = versionBatcher({ name, encoder: plan.encoder, runtime, batchTimeUs, queueRows, clock, observer });
    return {
      serving: new CompiledVersion({ ...plan, name, batcher }),
      signature: runtime.signature,
      description: reading.manifest?.description,
      examples: reading.manifest?.examples ?? [],
      warnings: [...problems.map(problemText), ...runtime.notes],
      describeRuntime: () => runtime.describe(),
      close: async () => {
        await batcher.close();
        await runtime.close();
      },
    };
  }
}

function runtimeProblems({ manifest, source }: ManifestReading): VersionProblem[] {
  const { runtime = 'onnx' } = manifest ?? {};
  if (runtime === 'onnx' || source === undefined) return [];
  return [source.problem(['runtime'], `${runtime} needs a model server, which a folder does not have`)];
}

function refusedManifest(message: string): ManifestReading {
  return { problems: [{ file: manifestFile, message, severity: 'error' }] };
}

function graphProblems(error: unknown): VersionProblem[] {
  if (error instanceof ModelLoadError) {
    return error.problems.map((message) => ({ file: modelFile, message, severity: 'error' }));
  }
  const message = errorCode(error) === 'ENOENT' ? 'is missing' : `cannot be loaded: ${messageOf(error)}`;
  return [{ file: modelFile, message, severity: 'error' }];
}
