import { halfPlusTwoTensors } from './fakes.js';
import { ManualClock } from '../../src/shared/clock.js';
import { ServiceError } from '../../src/shared/errors.js';
import { Catalogue } from '../../src/models/lifecycle/catalogue.js';
import type { LoadedVersion } from '../../src/models/lifecycle/loaded-version.js';
import type { ManifestExample } from '../../src/models/manifest/manifest-schema.js';
import type { LifecycleObserver, RegistryObserver } from '../../src/models/observer.js';
import type { RegistryModel, RegistrySnapshot } from '../../src/models/registry/registry.js';
import type { Timers } from '../../src/shared/timers.js';

/** Timers that fire when the test says so. */
class ManualTimers implements Pick<Timers, 'after'> {
  readonly waiting: { readonly milliseconds: number; readonly run: () => void }[] = [];
  after(milliseconds: number, run: () => void): () => void {
    const timer = { milliseconds, run };
    this.waiting.push(timer);
    return () => {
      const at = this.waiting.indexOf(timer);
      if (at >= 0) this.waiting.splice(at, 1);
    };
  }
  fire(): void {
    for (const { run } of this.waiting.splice(0)) run();
  }
}

interface HeldModel {
  /** Version → fingerprint. */
  versions: Record<string, string>;
  aliases?: Record<string, string> | null;
  complete?: boolean;
  /** Of all versions. */
  arrival?: 'under_way' | 'delayed' | 'whole';
}

/** A catalogue over a registry that the test writes, with a runtime that gives back its one feature. */
export class CatalogueWorld {
  held: Record<string, HeldModel> = { m: { versions: { '1.0.0': 'a' } } };
  registryProblem: string | undefined;
  incomplete = false;
  withdrawn: ReadonlySet<string> = new Set();
  readonly facts: string[] = [];
  /** Versions that fail to load. */
  readonly broken = new Set<string>();
  readonly closed: string[] = [];
  examples: ManifestExample[] = [];
  /** Loading waits for it. */
  gate: Promise<void> | undefined;
  readonly timers = new ManualTimers();
  catalogue = this.make();

  make(maxResident = 10): Catalogue {
    return new Catalogue({
      options: { poll_interval_ms: 1000, drain_timeout_seconds: 30, max_resident: maxResident },
      registry: {
        scan: () =>
          this.registryProblem === 'throws' ? Promise.reject(new Error('boom')) : Promise.resolve(this.#snapshot()),
      },
      loader: {
        load: async (modelId, { version }) => {
          await this.gate;
          if (this.broken.has(version)) throw new Error('model.onnx: is truncated');
          return this.#loaded(modelId, version);
        },
      },
      views: new Map([
        ['v', { entity: 'id', onMissing: 'fail', onStale: 'fail', onUnavailable: 'fail', features: [] }],
      ]),
      clock: new ManualClock(),
      timers: this.timers,
      observer: recorder(this.facts),
    });
  }

  async turns(): Promise<void> {
    for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  async start(maxResident?: number): Promise<void> {
    this.catalogue = this.make(maxResident);
    const started = this.catalogue.start();
    await this.turns();
    this.timers.fire();
    await started;
  }

  async look(times = 2): Promise<void> {
    for (let i = 0; i < times; i++) await this.catalogue.look();
    await this.turns();
  }

  /** The version that answers, or the error's code. */
  answers(reference?: string): unknown {
    try {
      const lease = this.catalogue.lease('m', reference);
      lease.release();
      return lease.version.version;
    } catch (error) {
      return error instanceof ServiceError ? error.code : error;
    }
  }

  described(version: string) {
    return this.catalogue.describe('m')?.versions.find((one) => one.version === version);
  }

  #snapshot(): RegistrySnapshot {
    const models = Object.entries(this.held).map(
      ([modelId, { versions, aliases = {}, complete = true, arrival }]): RegistryModel => ({
        modelId,
        versions: Object.entries(versions).map(([version, fingerprint]) => ({
          version,
          folder: `/${version}`,
          fingerprint,
          problems: [],
          ...(arrival !== undefined && { arrival }),
        })),
        aliases: aliases === null ? undefined : new Map(Object.entries(aliases)),
        complete,
        problems: [],
      }),
    );
    const { registryProblem: message } = this;
    const problems = message === undefined ? [] : [{ file: '.', message, severity: 'error' as const }];
    return {
      models,
      ignored: [{ folder: 'junk', reason: 'odd' }],
      complete: !this.incomplete,
      withdrawn: this.withdrawn,
      problems,
    };
  }

  /** 13 gives an INTERNAL_ERROR. */
  #loaded(modelId: string, version: string): LoadedVersion {
    const from = { view: 'v', feature: 'x' };
    return {
      serving: {
        modelId,
        version,
        features: [{ name: 'x', type: 'number', nullable: false, pii: false, from, description: 'an x' }],
        featureIndex: new Map([['x', 0]]),
        checks: [(value) => (typeof value === 'number' ? undefined : [{ path: 'features/x', problem: 'wrong_type' }])],
        fits: ([value]) => typeof value === 'number',
        predict: (rows) => Promise.resolve(rows.map(([value]) => answer(value))),
        explain: () => Promise.resolve({ code: 'explanation_unavailable', message: 'none' }),
        tensors: halfPlusTwoTensors,
      },
      explains: { reason: 'none' },
      signature: { inputs: [], outputs: [], kind: 'other' },
      description: 'test',
      examples: this.examples,
      warnings: [],
      describeRuntime: () => ({ runtime: 'onnx', executor: 'inline' }),
      close: () => {
        this.closed.push(version);
        return Promise.resolve();
      },
    };
  }
}

function answer(value: unknown) {
  if (value === 13) return new ServiceError('INTERNAL_ERROR', 'x is NaN');
  return { prediction: { value: value as number }, confidence: 1 };
}

function recorder(facts: string[]): RegistryObserver & LifecycleObserver {
  const tell = (fact: string) => void facts.push(fact);
  return {
    folderIgnored: ({ folder }) => tell(`ignored ${folder}`),
    registryProblem: ({ problem }) => tell(`problem ${problem}`),
    versionStateChanged: ({ version, to, reason }) =>
      tell(`${version} ${to}${reason === undefined ? '' : `: ${reason}`}`),
    aliasMoved: ({ alias, from, to }) => tell(`${alias} ${from} → ${to}`),
    goldenRowFailed: ({ version, index }) => tell(`${version} golden ${index}`),
    changedInPlace: ({ version }) => tell(`${version} changed_in_place`),
    versionWarning: ({ version, message }) => tell(`${version} warning ${message}`),
    drainTimedOut: ({ version, leases }) => tell(`${version} drain timed out with ${leases}`),
  };
}
