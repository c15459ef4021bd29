import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.js';
import { messageOf } from '../../shared/errors.js';
import type { FeatureCheck } from '../catalogue.js';
import { manifestFile, maxManifestBytes, ManifestReader, type ManifestReading } from '../manifest/manifest-reader.js';
import { ModelLoadError } from '../model-load-error.js';
import { modelFile } from '../registry/directory-registry.js';
import { errorCode } from '../registry/version-folder.js';
import type { RegistryVersion } from '../registry/registry.js';
import type { LoadRuntime, LocalRuntime, RemoteSource, RuntimeSource } from '../runtime-loader.js';
import type { BatchObserver, VersionName } from '../runtime-observer.js';
import { hasErrors, problemText, VersionRefused, type VersionProblem } from '../version-problem.js';
import { openExplainer, type OpenedExplainer } from '../explanation/open-explainer.js';
import type { ExplanationObserver } from '../explanation/observer.js';
import { compileFeatureCheck } from '../feature-check.js';
import { compileRowCheck } from '../row-check.js';
import type { LoadedVersion } from './loaded-version.js';
import { sampleRows } from './sample-rows.js';
import { CompiledVersion, tensorEntry, versionBatcher, type VersionBatcher } from './serving-version.js';
import type { FeatureViewSources } from './stored-features.js';
import { planVersion, type VersionPlan } from './version-plan.js';

export interface VersionLoaderOptions {
  readonly loadRuntime: LoadRuntime;
  readonly views: FeatureViewSources;
  /** model_server.url: where a remote runtime computes that names no server itself. */
  readonly serverUrl?: string | undefined;
  /** Largest time of one run on the event loop, in microseconds. */
  readonly batchTimeUs: number;
  /** An explanation that costs more microseconds is computed in a worker thread. */
  readonly explanationThresholdUs: number;
  /** Rows that may wait for a run, each version. */
  readonly queueRows: number;
  readonly clock: Clock;
  readonly observer: BatchObserver & ExplanationObserver;
}

interface VersionPlace {
  readonly name: VersionName;
  readonly folder: string;
  readonly remote: RemoteSource | undefined;
  readonly sample: NonNullable<RuntimeSource['sample']>;
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
    const reading = from.folder === '' ? { problems: [] } : await this.#readManifest(from.folder);
    const remote = from.remote ?? this.#remoteOf(name, reading, problems);
    problems.push(...reading.problems);
    const sample = sampleRows({ name, reading, views: this.#options.views, wholeTensors: false });
    const runtime = await this.#loadRuntime({ name, folder: from.folder, remote, sample }, problems);
    try {
      const { views } = this.#options;
      const wholeTensors = remote !== undefined;
      const plan = planVersion({ name, reading, graph: runtime.signature, wholeTensors, views }, problems);
      if (plan === undefined || hasErrors(problems)) throw new VersionRefused(problems);
      const folder = from.folder === '' ? undefined : from.folder;
      return await this.#assemble({ name, folder, reading, runtime, plan, problems });
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

  /** @throws VersionRefused with `problems` and what keeps the runtime from being loaded */
  async #loadRuntime(version: VersionPlace, problems: readonly VersionProblem[]): Promise<LocalRuntime> {
    const { name, folder, remote, sample } = version;
    const file = join(folder, modelFile);
    try {
      if (remote !== undefined) return await this.#options.loadRuntime({ name, file, folder, remote });
      await stat(file);
      return await this.#options.loadRuntime({ name, file, folder, sample });
    } catch (error) {
      const passing = error instanceof ModelLoadError && error.passing && !hasErrors(problems);
      throw new VersionRefused(
        [...problems, ...graphProblems(error, remote === undefined ? modelFile : manifestFile)],
        passing,
      );
    }
  }

  /** The server that model.yaml names; undefined where the model is in the folder. */
  #remoteOf(
    { modelId }: VersionName,
    { manifest, source }: ManifestReading,
    problems: VersionProblem[],
  ): RemoteSource | undefined {
    const runtime = manifest?.runtime ?? 'onnx';
    if (runtime === 'onnx') return undefined;
    const url = manifest?.url ?? this.#options.serverUrl;
    if (url !== undefined) {
      return { runtime, url, model: manifest?.remote_model ?? modelId, version: manifest?.remote_version };
    }
    const message = `${runtime} needs a model server: name it under \`url\`, or set model_server.url`;
    problems.push(source?.problem(['runtime'], message) ?? { file: manifestFile, message, severity: 'error' });
    return undefined;
  }

  async #assemble(parts: LoadedParts): Promise<LoadedVersion> {
    const { name, reading, runtime, plan, problems } = parts;
    const { batchTimeUs, queueRows, clock, observer } = this.#options;
    const { features, encoder, mapper } = plan;
    const batcher = versionBatcher({ name, encoder, runtime, batchTimeUs, queueRows, clock, observer });
    const ranges = features.map((spec) => encoder.rangeOf(spec.name));
    const checks = compileFeatureCheck(features, ranges);
    const fits = compileRowCheck(features, ranges, checks);
    const tensors = tensorEntry(runtime);
    const { explainer, problems: warnings } = await this.#explainer(parts, checks, batcher);
    return {
      serving: new CompiledVersion({
        ...{ name, features, checks, fits, mapper, batcher, explainer, tensors, clock, observer },
      }),
      signature: runtime.signature,
      description: reading.manifest?.description,
      examples: reading.manifest?.examples ?? [],
      warnings: [...[...problems, ...warnings].map(problemText), ...runtime.notes],
      explains: explainer.explains,
      describeRuntime: () => runtime.describe(),
      close: async () => {
        await explainer.close();
        await batcher.close();
        await runtime.close();
      },
    };
  }

  #explainer(
    { name, folder, runtime, plan }: LoadedParts,
    checks: readonly FeatureCheck[],
    batcher: VersionBatcher,
  ): Promise<OpenedExplainer> {
    const { features, encoder, mapper } = plan;
    const { clock, observer, explanationThresholdUs: threadThresholdUs } = this.#options;
    const waited = (waitedUs: number) => observer.explanationWaited({ ...name, waitedUs });
    const { signature } = runtime;
    const classes = mapper.classes;
    return openExplainer({
      ...{ folder, features, checks, encoder, signature, classes, batcher, threadThresholdUs, clock, waited },
    });
  }
}

/** Everything of a version that is served. */
interface LoadedParts {
  readonly name: VersionName;
  /** undefined where there is none. */
  readonly folder: string | undefined;
  readonly reading: ManifestReading;
  readonly runtime: LocalRuntime;
  readonly plan: VersionPlan;
  readonly problems: readonly VersionProblem[];
}

function refusedManifest(message: string): ManifestReading {
  return { problems: [{ file: manifestFile, message, severity: 'error' }] };
}

function graphProblems(error: unknown, file: string): VersionProblem[] {
  if (error instanceof ModelLoadError) {
    return error.problems.map((message) => ({ file, message, severity: 'error' }));
  }
  const message = errorCode(error) === 'ENOENT' ? 'is missing' : `cannot be loaded: ${messageOf(error)}`;
  return [{ file, message, severity: 'error' }];
}
