import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../shared/clock.js';
import { ServiceError } from '../../shared/errors.js';
import type { ModelsObserver } from '../observer.js';
import type { RegistryModel, RegistrySnapshot } from '../registry/registry.js';
import type { ManifestExample } from '../manifest/manifest-schema.js';
import { Catalogue } from './catalogue.js';
import type { LoadedVersion } from './loaded-version.js';
import type { Timers } from './timers.js';

/** Timers that fire when the test says so. */
class ManualTimers implements Timers {
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

type Files = Record<string, string>;
let held: Record<string, { versions: Files; aliases?: Record<string, string> | null; complete?: boolean }>;
let registryProblem: string | undefined;
let incomplete: boolean;
let facts: string[];
let broken: Set<string>;
let closed: string[];
let examples: ManifestExample[];
let gate: Promise<void> | undefined;
let timers: ManualTimers;
let catalogue: Catalogue;

function snapshot(): RegistrySnapshot {
  const models = Object.entries(held).map(([modelId, { versions, aliases = {}, complete = true }]): RegistryModel => ({
    modelId,
    versions: Object.entries(versions).map(([version, fingerprint]) => ({
      version,
      folder: `/${version}`,
      fingerprint,
      problems: [],
    })),
    aliases: aliases === null ? undefined : new Map(Object.entries(aliases)),
    complete,
    problems: [],
  }));
  const problems =
    registryProblem === undefined ? [] : [{ file: '.', message: registryProblem, severity: 'error' as const }];
  return { models, ignored: [{ folder: 'junk', reason: 'odd' }], complete: !incomplete, problems };
}

const observer = {
  folderIgnored: ({ folder }) => facts.push(`ignored ${folder}`),
  registryProblem: ({ problem }) => facts.push(`problem ${problem}`),
  versionStateChanged: ({ version, to, reason }) =>
    facts.push(`${version} ${to}${reason === undefined ? '' : `: ${reason}`}`),
  aliasMoved: ({ alias, from, to }) => facts.push(`${alias} ${from} → ${to}`),
  goldenRowFailed: ({ version, index }) => facts.push(`${version} golden ${index}`),
  changedInPlace: ({ version }) => facts.push(`${version} changed_in_place`),
  versionWarning: ({ version, message }) => facts.push(`${version} warning ${message}`),
  drainTimedOut: ({ version, leases }) => facts.push(`${version} drain timed out with ${leases}`),
} as Pick<ModelsObserver, 'folderIgnored'> as ModelsObserver;

function loaded(modelId: string, version: string): LoadedVersion {
  const x = {
    name: 'x',
    type: 'number',
    nullable: false,
    pii: false,
    from: { view: 'v', feature: 'x' },
    description: 'an x',
  } as const;
  return {
    serving: {
      modelId,
      version,
      features: [x],
      featureIndex: new Map([['x', 0]]),
      checks: [(value) => (typeof value === 'number' ? undefined : [{ path: 'features/x', problem: 'wrong_type' }])],
      predict: (rows) =>
        Promise.resolve(
          rows.map(([value]) =>
            value === 13
              ? new ServiceError('INTERNAL_ERROR', 'x is NaN')
              : { prediction: { value: value as number }, confidence: 1 },
          ),
        ),
    },
    signature: { inputs: [], outputs: [], kind: 'other' },
    description: 'test',
    examples,
    warnings: [],
    describeRuntime: () => ({ runtime: 'onnx', executor: 'inline' }),
    close: () => {
      closed.push(version);
      return Promise.resolve();
    },
  };
}

function make(maxResident = 10) {
  const clock = new ManualClock();
  return new Catalogue({
    options: { poll_interval_ms: 1000, drain_timeout_seconds: 30, max_resident: maxResident },
    registry: {
      scan: () => (registryProblem === 'throws' ? Promise.reject(new Error('boom')) : Promise.resolve(snapshot())),
    },
    loader: {
      load: async (modelId, { version }) => {
        await gate;
        if (broken.has(version)) throw new Error('model.onnx: is truncated');
        return loaded(modelId, version);
      },
    },
    views: new Map([['v', { entity: 'id', onMissing: 'fail', onStale: 'fail', onUnavailable: 'fail', features: [] }]]),
    clock,
    timers,
    observer,
  });
}

const turns = async () => {
  for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve));
};
async function start(maxResident?: number) {
  catalogue = make(maxResident);
  const started = catalogue.start();
  await turns();
  timers.fire();
  await started;
}
async function look(times = 2) {
  for (let i = 0; i < times; i++) await catalogue.look();
  await turns();
}
function answers(reference?: string) {
  try {
    const lease = catalogue.lease('m', reference);
    lease.release();
    return lease.version.version;
  } catch (error) {
    return error instanceof ServiceError ? error.code : error;
  }
}
const described = (version: string) => catalogue.describe('m')?.versions.find((one) => one.version === version);

beforeEach(() => {
  held = { m: { versions: { '1.0.0': 'a' } } };
  registryProblem = undefined;
  incomplete = false;
  facts = [];
  broken = new Set();
  closed = [];
  examples = [];
  gate = undefined;
  timers = new ManualTimers();
});

describe('the catalogue', () => {
  it('leads a version through its life, each state told once it is true', async () => {
    await start();
    expect(facts).toEqual(['1.0.0 discovered', 'ignored junk', '1.0.0 loading', '1.0.0 warming', '1.0.0 ready']);
    expect(answers()).toBe('1.0.0');
    expect(catalogue.readiness()).toEqual({ settled: true, ready: 1, failed: 0, loading: 0 });
    held = {};
    await look();
    expect(facts.slice(-2)).toEqual(['1.0.0 draining', '1.0.0 gone']);
    expect(closed).toEqual(['1.0.0']);
    expect(answers()).toBe('MODEL_NOT_FOUND');
    expect(catalogue.list()).toEqual([]);
  });

  it('describes what answers', async () => {
    await start();
    expect(catalogue.list()).toEqual([
      {
        model_id: 'm',
        aliases: {},
        default_version: '1.0.0',
        problems: [],
        versions: [
          {
            version: '1.0.0',
            state: 'ready',
            aliases: [],
            reasons: [],
            description: 'test',
            runtime: { runtime: 'onnx', executor: 'inline' },
            features: {
              type: 'object',
              properties: { x: { type: 'number', description: 'an x', 'x-from': 'v.x' } },
              required: [],
              additionalProperties: false,
            },
            entities: { id: ['x'] },
            example: { model_id: 'm', features: { x: 0 } },
          },
        ],
      },
    ]);
  });

  it('waits until two looks saw the same files', async () => {
    catalogue = make();
    await catalogue.look();
    held['m'] = { versions: { '1.0.0': 'b' } };
    await look(1);
    expect(answers()).toBe('SERVICE_UNAVAILABLE');
    expect(catalogue.readiness().settled).toBe(false);
    await look(1);
    expect(answers()).toBe('1.0.0');
  });

  it('goes on looking, and never twice at once', async () => {
    await start();
    held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' } };
    for (let i = 0; i < 2; i++) {
      expect(timers.waiting.map(({ milliseconds }) => milliseconds)).toEqual([1000]);
      timers.fire();
      await turns();
    }
    expect(answers()).toBe('1.1.0');
    expect(catalogue.look()).toBe(catalogue.look());
  });

  it('answers by version, alias, production or the highest release that is ready', async () => {
    held['m'] = {
      versions: { '1.9.0': 'a', '1.10.0': 'a', '2.0.0-rc.1': 'a', '3.0.0': 'a' },
      aliases: { canary: '2.0.0-rc.1' },
    };
    broken.add('3.0.0');
    await start();
    expect([answers(), answers('1.9.0'), answers('@canary')]).toEqual(['1.10.0', '1.9.0', '2.0.0-rc.1']);
    expect([answers('3.0.0'), answers('4.0.0'), answers('@none')]).toEqual([
      'SERVICE_UNAVAILABLE',
      'MODEL_NOT_FOUND',
      'MODEL_NOT_FOUND',
    ]);
    held['m'].aliases = { canary: '2.0.0-rc.1', production: '1.9.0' };
    await look(1);
    expect(answers()).toBe('1.9.0');
    expect(catalogue.describe('m')?.aliases).toEqual({ canary: '2.0.0-rc.1', production: '1.9.0' });
  });

  it('names the model in its errors, and hides odd names', async () => {
    await start();
    const error = (model: string, reference?: string) => {
      try {
        catalogue.lease(model, reference);
      } catch (thrown) {
        return thrown as ServiceError;
      }
      throw new Error('it was lent');
    };
    expect(error('none').message).toBe("Model 'none' not found");
    expect(error('none', '1').details).toEqual({ model_id: 'none', model_version: '1' });
    expect(error('../etc').message).toBe('Model not found');
    expect(error('m', '9').message).toBe("Model 'm' version '9' not found");
  });

  it('is unavailable before the first look', () => {
    catalogue = make();
    expect(answers()).toBe('SERVICE_UNAVAILABLE');
  });

  it('keeps a broken version from the others, and tries it again when a file changes', async () => {
    held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' } };
    broken.add('1.1.0');
    await start();
    expect(answers()).toBe('1.0.0');
    expect(described('1.1.0')).toMatchObject({ state: 'failed', reasons: ['model.onnx: is truncated'] });
    expect(facts).toContain('1.1.0 failed: model.onnx: is truncated');
    broken.clear();
    await look();
    expect(answers()).toBe('1.0.0');
    held['m'].versions['1.1.0'] = 'b';
    await look();
    expect(answers()).toBe('1.1.0');
    expect(catalogue.readiness()).toEqual({ settled: true, ready: 2, failed: 0, loading: 0 });
  });

  it('forgets a failed version whose folder is gone', async () => {
    broken.add('1.0.0');
    await start();
    expect(answers()).toBe('SERVICE_UNAVAILABLE');
    held = {};
    await look();
    expect(answers()).toBe('MODEL_NOT_FOUND');
  });

  it('does not load a changed file of a ready version, and reports it once', async () => {
    await start();
    held['m'] = { versions: { '1.0.0': 'b' } };
    await look(3);
    expect(facts.filter((fact) => fact === '1.0.0 changed_in_place')).toHaveLength(1);
    expect(described('1.0.0')).toMatchObject({ state: 'ready', reasons: ['changed_in_place'] });
  });

  it('lets calls finish before a version is dropped', async () => {
    await start();
    const lease = catalogue.lease('m');
    held = {};
    await look();
    expect([closed, answers()]).toEqual([[], 'MODEL_NOT_FOUND']);
    lease.release();
    lease.release();
    await turns();
    expect(closed).toEqual(['1.0.0']);
  });

  it('drops it when the time to drain is over', async () => {
    await start();
    catalogue.lease('m');
    held = {};
    await look();
    expect(timers.waiting.map(({ milliseconds }) => milliseconds)).toContain(30_000);
    timers.fire();
    await turns();
    expect(facts).toContain('1.0.0 drain timed out with 1');
    expect(closed).toEqual(['1.0.0']);
  });

  it('keeps a deleted version until the one that replaces it is ready', async () => {
    await start();
    held['m'] = { versions: { '1.1.0': 'a' } };
    await look(1);
    expect(answers()).toBe('1.0.0');
    await look(2);
    expect(answers()).toBe('1.1.0');
    await look(1);
    expect([answers(), closed]).toEqual(['1.1.0', ['1.0.0']]);
  });

  it('takes nothing for gone that could not be read', async () => {
    await start();
    held = {};
    incomplete = true;
    registryProblem = 'cannot be read: EIO';
    await look();
    expect(answers()).toBe('1.0.0');
    incomplete = false;
    held['m'] = { versions: {}, complete: false };
    await look();
    expect(answers()).toBe('1.0.0');
    expect(facts.filter((fact) => fact.startsWith('problem'))).toEqual(['problem .: cannot be read: EIO']);
    expect(catalogue.problems()).toEqual(['.: cannot be read: EIO']);
  });

  it('survives a registry that throws', async () => {
    await start();
    registryProblem = 'throws';
    await look();
    expect(answers()).toBe('1.0.0');
    expect(facts.at(-1)).toBe('problem the registry could not be read: boom');
  });

  it('loads no more than max_resident versions, those that aliases name first', async () => {
    held['m'] = { versions: { '1.0.0': 'a', '2.0.0': 'a' }, aliases: { production: '1.0.0' } };
    await start(1);
    expect(answers()).toBe('1.0.0');
    expect(described('2.0.0')?.reasons).toEqual(['models.max_resident is 1: there is no room for this version']);
    held['m'] = { versions: { '2.0.0': 'a' } };
    await look(4);
    expect(answers()).toBe('2.0.0');
  });

  it('closes: lets go of every version and loads no more', async () => {
    await start();
    await catalogue.close();
    expect(closed).toEqual(['1.0.0']);
    expect(timers.waiting).toEqual([]);
    expect(answers()).toBe('MODEL_NOT_FOUND');
  });
});

describe('an alias', () => {
  it('moves to a version when that is ready, with no refusal in between', async () => {
    held['m'] = { versions: { '1.0.0': 'a' }, aliases: { production: '1.0.0' } };
    await start();
    let open = () => {};
    gate = new Promise((resolve) => (open = resolve));
    held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' }, aliases: { production: '1.1.0' } };
    await look();
    expect([answers(), answers('1.1.0')]).toEqual(['1.0.0', 'SERVICE_UNAVAILABLE']);
    expect(catalogue.describe('m')?.problems).toEqual([
      'alias production moves from 1.0.0 to 1.1.0 once that is ready',
    ]);
    open();
    await turns();
    expect(answers()).toBe('1.1.0');
    expect(facts).toContain('production 1.0.0 → 1.1.0');
  });

  it('that means a version which failed is unavailable: nothing falls back in silence', async () => {
    held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' }, aliases: { production: '1.1.0' } };
    broken.add('1.1.0');
    await start();
    expect([answers(), answers('@production'), answers('1.0.0')]).toEqual([
      'SERVICE_UNAVAILABLE',
      'SERVICE_UNAVAILABLE',
      '1.0.0',
    ]);
    expect(catalogue.describe('m')).toMatchObject({
      default_version: null,
      problems: ['alias production means version 1.1.0, which failed'],
    });
  });

  it('that means no version at all is unavailable, and reported', async () => {
    held['m'] = { versions: { '1.0.0': 'a' }, aliases: { production: '9' } };
    await start();
    expect(answers()).toBe('SERVICE_UNAVAILABLE');
    expect(facts).toContain('problem alias production means version 9, which does not exist');
  });

  it('stays where it was while aliases.yaml cannot be trusted', async () => {
    held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' }, aliases: { production: '1.0.0' } };
    await start();
    held['m'].aliases = null;
    await look();
    expect([answers(), answers('@production')]).toEqual(['1.0.0', '1.0.0']);
    held['m'].aliases = {};
    await look();
    expect([answers(), answers('@production')]).toEqual(['1.1.0', 'MODEL_NOT_FOUND']);
  });

  it('makes the default unavailable where aliases.yaml was never readable', async () => {
    held['m'] = { versions: { '1.0.0': 'a' }, aliases: null };
    await start();
    expect([answers(), answers('@any'), answers('1.0.0')]).toEqual([
      'SERVICE_UNAVAILABLE',
      'SERVICE_UNAVAILABLE',
      '1.0.0',
    ]);
  });
});

describe('golden rows', () => {
  it.each<[string, ManifestExample, string | undefined]>([
    ['within the default tolerance', { features: { x: 1 }, prediction: { value: 1 + 9e-7 } }, undefined],
    [
      'within its own tolerance, relative to what is large',
      { features: { x: 100 }, prediction: { value: 101 }, tolerance: 0.01 },
      undefined,
    ],
    ['with its confidence', { features: { x: 1 }, confidence: 1 }, undefined],
    [
      'off',
      { features: { x: 1 }, prediction: { value: 1.1 } },
      'prediction.value is 1, expected 1.1 (off by 9.09e-2, allowed 0.000001)',
    ],
    ['of another form', { features: { x: 1 }, prediction: { value: [1] } }, 'prediction.value is 1, expected [1]'],
    [
      'with another key',
      { features: { x: 1 }, prediction: { label: 'a' } },
      'prediction.label is absent, expected "a"',
    ],
    ['that gives NaN', { features: { x: 13 }, prediction: { value: 1 } }, 'x is NaN'],
    ['with a missing feature', { features: {}, prediction: { value: 1 } }, 'x is missing and has no default'],
    ['with a wrong value', { features: { x: 'a' }, prediction: { value: 1 } }, 'features/x: wrong_type'],
    [
      'with an unknown feature',
      { features: { x: 1, y: 2 }, prediction: { value: 1 } },
      'y is not a feature of this model; did you mean x?',
    ],
  ])('%s', async (_, example, message) => {
    examples = [{ features: { x: 2 }, prediction: { value: 2 } }, example];
    await start();
    if (message === undefined) expect(described('1.0.0')?.state).toBe('ready');
    else {
      expect(described('1.0.0')).toMatchObject({ state: 'failed', reasons: [`model.yaml examples[1]: ${message}`] });
      expect(facts).toContain('1.0.0 golden 1');
      expect(closed).toEqual(['1.0.0']);
    }
  });

  it('without an answer only show a request; a row that gives none is told', async () => {
    examples = [{ features: { x: 13 } }];
    await start();
    expect(described('1.0.0')).toMatchObject({
      state: 'ready',
      reasons: ['a row of examples gave no prediction: x is NaN'],
      example: { features: { x: 13 } },
    });
  });

  it('that do not fit are told', async () => {
    examples = [{ features: {} }];
    await start();
    expect(described('1.0.0')?.reasons).toEqual(['examples[0] does not fit: x is missing and has no default']);
  });
});
