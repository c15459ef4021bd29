import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExplanationObserver } from '../../src/models/explanation/observer.js';
import type { LoadedVersion } from '../../src/models/lifecycle/loaded-version.js';
import { VersionLoader } from '../../src/models/lifecycle/version-loader.js';
import { readVersionFolder } from '../../src/models/registry/version-folder.js';
import { loadOnnxRuntime } from '../../src/models/runtimes/onnx/load-onnx-runtime.js';
import { silentModelsObserver } from '../../src/app/offline/silent-models-observer.js';
import { systemClock } from '../../src/shared/clock.js';
import { Deadline } from '../../src/shared/deadline.js';

export interface VersionFiles {
  /** Bytes, or the path of a file. */
  readonly onnx: Uint8Array | string;
  readonly manifest?: string;
  readonly sidecar?: object | string;
  readonly background?: string;
}

export interface LoadWishes {
  /** 0: every explanation of trees leaves the event loop. */
  readonly thresholdUs?: number;
  readonly observer?: ExplanationObserver;
}

export const soon = (milliseconds = 30_000): Deadline => new Deadline(systemClock, milliseconds);

/** A version loaded from a folder of its own; the folder is gone once it is loaded. */
export async function loadVersion(files: VersionFiles, wishes: LoadWishes = {}): Promise<LoadedVersion> {
  const folder = await mkdtemp(path.join(tmpdir(), 'explained-'));
  try {
    await writeFiles(folder, files);
    return await loadFolder(folder, wishes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function loadFolder(
  folder: string,
  { thresholdUs = 1000, observer }: LoadWishes = {},
): Promise<LoadedVersion> {
  const models = { ...silentModelsObserver, ...observer };
  const loader = new VersionLoader({
    loadRuntime: (source) =>
      loadOnnxRuntime({ ...source, options: { worker_threshold_us: 200 }, observer: models, clock: systemClock }),
    views: new Map([
      [
        'applicant_profile',
        {
          ...{ entity: 'applicant_id', onMissing: 'fail', onStale: 'fail', onUnavailable: 'fail' },
          features: [
            { name: 'consumer_credit_score', type: 'integer' },
            { name: 'mortgage_credit_score', type: 'integer' },
            { name: 'public_bad_credit_record', type: 'boolean' },
          ],
        },
      ],
    ]),
    ...{
      batchTimeUs: 1000,
      explanationThresholdUs: thresholdUs,
      queueRows: 20_000,
      clock: systemClock,
      observer: models,
    },
  });
  return loader.load('explained', await readVersionFolder('1', path.resolve(folder)));
}

async function writeFiles(folder: string, { onnx, manifest, sidecar, background }: VersionFiles): Promise<void> {
  const file = (name: string) => path.join(folder, name);
  if (typeof onnx === 'string') await copyFile(onnx, file('model.onnx'));
  else await writeFile(file('model.onnx'), onnx);
  if (manifest !== undefined) await writeFile(file('model.yaml'), manifest);
  if (sidecar !== undefined) {
    await writeFile(file('explain.json'), typeof sidecar === 'string' ? sidecar : JSON.stringify(sidecar));
  }
  if (background !== undefined) await writeFile(file('background.csv'), background);
}
