import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Clock } from '../../shared/clock.js';
import type { JsonObject, JsonValue } from '../../shared/json.js';
import { modelIdPattern } from '../../shared/names.js';
import { exampleRequest } from '../describe/describe-version.js';
import { featuresSchema } from '../describe/feature-schema.js';
import type { GoldenScore } from '../lifecycle/golden-rows.js';
import type { LoadedVersion } from '../lifecycle/loaded-version.js';
import type { FeatureViewSources } from '../lifecycle/stored-features.js';
import { VersionLoader } from '../lifecycle/version-loader.js';
import { warmUp } from '../lifecycle/warm-up.js';
import type { RuntimeDescription } from '../catalogue.js';
import { readVersionFolder } from '../registry/version-folder.js';
import { isVersionName } from '../registry/version-name.js';
import type { TensorSpec } from '../runtime.js';
import type { LoadRuntime } from '../runtime-loader.js';
import { VersionRefused, type VersionProblem } from '../version-problem.js';

/** What `models check` says of a version, as plain data. */
export interface VersionCheck {
  readonly model_id: string;
  readonly version: string;
  /** No error and every golden row as expected. */
  readonly ok: boolean;
  readonly problems: readonly VersionProblem[];
  readonly golden: readonly GoldenScore[];
  /** Present when the version could be loaded. */
  readonly signature?: SignatureSummary;
}

export interface SignatureSummary {
  readonly kind: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly features: JsonObject;
  readonly example: JsonValue;
  readonly runtime: RuntimeDescription;
}

export interface CheckOptions {
  readonly loadRuntime: LoadRuntime;
  readonly views: FeatureViewSources;
  /** model_server.url. */
  readonly serverUrl?: string | undefined;
  readonly clock: Clock;
}

const silent = {
  batchRun: () => {},
  rowsDropped: () => {},
  batchSplit: () => {},
  explained: () => {},
  explanationWaited: () => {},
};

/** Loads the version in `directory` (…/<model_id>/<version>), scores its golden rows and drops it. Throws for nothing in the folder. */
export async function checkVersionFolder(directory: string, options: CheckOptions): Promise<VersionCheck> {
  const absolute = resolve(directory);
  const named = isVersionName(basename(absolute));
  const version = named ? basename(absolute) : '1';
  const modelId = basename(named ? dirname(absolute) : absolute);
  const base = { model_id: modelId, version };
  const naming: VersionProblem[] = modelIdPattern.test(modelId) ? [] : [problem(`${modelId} is no model_id`)];
  const isFolder = await stat(absolute).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  if (!isFolder) return { ...base, ok: false, problems: [...naming, problem('the folder does not exist')], golden: [] };
  const found = await readVersionFolder(version, await realpath(absolute));
  const loader = new VersionLoader({
    ...options,
    batchTimeUs: 1000,
    explanationThresholdUs: 1000,
    queueRows: 1000,
    observer: silent,
  });
  try {
    const loaded = await loader.load(modelId, found);
    const checked = await checkLoaded(loaded, options.clock);
    const problems = [...naming, ...checked.problems];
    return { ...base, ...checked, problems, ok: naming.length === 0 && checked.golden.every(({ ok }) => ok) };
  } catch (error) {
    if (!(error instanceof VersionRefused)) throw error;
    return { ...base, ok: false, problems: [...naming, ...error.problems], golden: [] };
  }
}

function problem(message: string): VersionProblem {
  return { file: '.', message, severity: 'error' };
}

async function checkLoaded(loaded: LoadedVersion, clock: Clock) {
  const { serving, signature } = loaded;
  try {
    const { golden, warnings } = await warmUp(loaded, clock);
    const problems = [...loaded.warnings, ...warnings].map((message): VersionProblem => ({
      file: '.',
      message,
      severity: 'warning',
    }));
    const summary: SignatureSummary = {
      kind: signature.kind,
      inputs: signature.inputs,
      outputs: signature.outputs,
      features: featuresSchema(serving.features),
      example: exampleRequest(loaded),
      runtime: loaded.describeRuntime(),
    };
    return { problems, golden, signature: summary };
  } finally {
    await loaded.close();
  }
}
