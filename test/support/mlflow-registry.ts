import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { MlflowObserver } from '../../src/models/mlflow-observer.js';
import { MlflowRegistry, type MlflowRegistryOptions } from '../../src/models/registry/mlflow/mlflow-registry.js';
import { systemClock } from '../../src/shared/clock.js';
import { FakeMlflow } from './fake-mlflow.js';
import { systemTimers } from '../../src/shared/timers.js';

/** A fake MLflow, a registry over it, and a folder for its copies, for one test. */
export class MlflowFixture {
  readonly facts: string[] = [];
  readonly fake: FakeMlflow;
  readonly folder: string;

  private constructor(fake: FakeMlflow, folder: string) {
    this.fake = fake;
    this.folder = folder;
  }

  static async start(): Promise<MlflowFixture> {
    const fixture = new MlflowFixture(await FakeMlflow.start(), await mkdtemp(join(tmpdir(), 'mlflow-copies-')));
    onTestFinished(async () => {
      await fixture.fake.stop();
      await rm(fixture.folder, { recursive: true, force: true });
    });
    return fixture;
  }

  /** As a process opens it: the second one on the same folder is a restart, or a worker. */
  open(options: Partial<MlflowRegistryOptions> = {}): MlflowRegistry {
    const registry = new MlflowRegistry({
      trackingUri: this.fake.url,
      credentials: {},
      timeoutMs: 2000,
      pollMs: 0,
      lookUp: { names: new Map(), include: [], versions: 3, productionAlias: 'production' },
      maxVersionBytes: 1 << 20,
      downloadMs: 20_000,
      scoringUrls: new Map(),
      folder: this.folder,
      clock: systemClock,
      timers: systemTimers,
      observer: recorder(this.facts),
      ...options,
    });
    onTestFinished(() => registry.close());
    return registry;
  }
}

function recorder(facts: string[]): MlflowObserver {
  const tell = (fact: string) => void facts.push(fact);
  return {
    registryAsked: ({ answered }) => tell(answered ? 'answered' : 'not answered'),
    productionChosen: ({ modelId, by }) => tell(`${modelId} by ${by}`),
    versionFetched: ({ modelId, version, files }) => tell(`${modelId} ${version} fetched, ${files} files`),
    fetchFailed: ({ modelId, version, reason }) => tell(`${modelId} ${version} failed: ${reason}`),
    copyDropped: ({ modelId, key }) => tell(`${modelId} ${key.split('-')[0]} dropped`),
  };
}
