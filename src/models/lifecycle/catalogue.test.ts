import { beforeEach, describe, expect, it } from 'vitest';
import type { ServiceError } from '../../shared/errors.js';
import { CatalogueWorld } from '../../../test/support/catalogue.js';

let world: CatalogueWorld;
beforeEach(() => {
  world = new CatalogueWorld();
});

describe('the catalogue', () => {
  it('leads a version through its life, each state told once it is true', async () => {
    await world.start();
    expect(world.facts).toEqual(['1.0.0 discovered', 'ignored junk', '1.0.0 loading', '1.0.0 warming', '1.0.0 ready']);
    expect(world.answers()).toBe('1.0.0');
    expect(world.catalogue.readiness()).toEqual({ settled: true, ready: 1, failed: 0, loading: 0 });
    world.held = {};
    await world.look();
    expect(world.facts.slice(-2)).toEqual(['1.0.0 draining', '1.0.0 gone']);
    expect(world.closed).toEqual(['1.0.0']);
    expect(world.answers()).toBe('MODEL_NOT_FOUND');
    expect(world.catalogue.list()).toEqual([]);
  });

  it('describes what answers', async () => {
    await world.start();
    expect(world.catalogue.list()).toEqual([
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
            explains: { reason: 'none' },
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

  it('loads at the first look what a registry says is whole, and waits for what is under way', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a' }, arrival: 'whole' };
    await world.catalogue.look();
    await world.turns();
    expect(world.answers()).toBe('1.0.0');
    world.held['m'] = { versions: { '1.0.0': 'a' }, aliases: { production: '1.0.0' }, arrival: 'under_way' };
    world.catalogue = world.make();
    await world.look(3);
    expect(world.answers()).toBe('SERVICE_UNAVAILABLE');
    expect(world.catalogue.readiness()).toMatchObject({ settled: false, loading: 1 });
    world.held['m'].arrival = 'whole';
    await world.look(1);
    expect(world.answers()).toBe('1.0.0');
    expect(world.catalogue.readiness().settled).toBe(true);
  });

  it('drops what was withdrawn, even where not all could be read, and takes it up again', async () => {
    await world.start();
    const { m } = world.held;
    world.held = {};
    world.incomplete = true;
    await world.look();
    expect(world.answers()).toBe('1.0.0');
    world.withdrawn = new Set(['m']);
    await world.look();
    expect(world.answers()).toBe('MODEL_NOT_FOUND');
    world.withdrawn = new Set();
    world.held = { m: m! };
    const taken = world.catalogue.takeUp();
    await world.turns();
    world.timers.fire();
    await taken;
    expect(world.answers()).toBe('1.0.0');
  });

  it('waits until two looks saw the same files', async () => {
    world.catalogue = world.make();
    await world.catalogue.look();
    world.held['m'] = { versions: { '1.0.0': 'b' } };
    await world.look(1);
    expect(world.answers()).toBe('SERVICE_UNAVAILABLE');
    expect(world.catalogue.readiness().settled).toBe(false);
    await world.look(1);
    expect(world.answers()).toBe('1.0.0');
  });

  it('goes on looking, and never twice at once', async () => {
    await world.start();
    world.held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' } };
    for (let i = 0; i < 2; i++) {
      expect(world.timers.waiting.map(({ milliseconds }) => milliseconds)).toEqual([1000]);
      world.timers.fire();
      await world.turns();
    }
    expect(world.answers()).toBe('1.1.0');
    expect(world.catalogue.look()).toBe(world.catalogue.look());
  });

  it('answers by version, alias, production or the highest release that is ready', async () => {
    world.held['m'] = {
      versions: { '1.9.0': 'a', '1.10.0': 'a', '2.0.0-rc.1': 'a', '3.0.0': 'a' },
      aliases: { canary: '2.0.0-rc.1' },
    };
    world.broken.add('3.0.0');
    await world.start();
    expect([world.answers(), world.answers('1.9.0'), world.answers('@canary')]).toEqual([
      '1.10.0',
      '1.9.0',
      '2.0.0-rc.1',
    ]);
    expect([world.answers('3.0.0'), world.answers('4.0.0'), world.answers('@none')]).toEqual([
      'SERVICE_UNAVAILABLE',
      'MODEL_NOT_FOUND',
      'MODEL_NOT_FOUND',
    ]);
    world.held['m'].aliases = { canary: '2.0.0-rc.1', production: '1.9.0' };
    await world.look(1);
    expect(world.answers()).toBe('1.9.0');
    expect(world.catalogue.describe('m')?.aliases).toEqual({ canary: '2.0.0-rc.1', production: '1.9.0' });
  });

  it('names the model in its errors, and hides odd names', async () => {
    await world.start();
    const error = (model: string, reference?: string) => {
      try {
        world.catalogue.lease(model, reference);
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
    world.catalogue = world.make();
    expect(world.answers()).toBe('SERVICE_UNAVAILABLE');
  });

  it('keeps a world.broken version from the others, and tries it again when a file changes', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' } };
    world.broken.add('1.1.0');
    await world.start();
    expect(world.answers()).toBe('1.0.0');
    expect(world.described('1.1.0')).toMatchObject({ state: 'failed', reasons: ['model.onnx: is truncated'] });
    expect(world.facts).toContain('1.1.0 failed: model.onnx: is truncated');
    world.broken.clear();
    await world.look();
    expect(world.answers()).toBe('1.0.0');
    world.held['m'].versions['1.1.0'] = 'b';
    await world.look();
    expect(world.answers()).toBe('1.1.0');
    expect(world.catalogue.readiness()).toEqual({ settled: true, ready: 2, failed: 0, loading: 0 });
  });

  it('forgets a failed version whose folder is gone', async () => {
    world.broken.add('1.0.0');
    await world.start();
    expect(world.answers()).toBe('SERVICE_UNAVAILABLE');
    world.held = {};
    await world.look();
    expect(world.answers()).toBe('MODEL_NOT_FOUND');
  });

  it('does not load a changed file of a ready version, and reports it once', async () => {
    await world.start();
    world.held['m'] = { versions: { '1.0.0': 'b' } };
    await world.look(3);
    expect(world.facts.filter((fact) => fact === '1.0.0 changed_in_place')).toHaveLength(1);
    expect(world.described('1.0.0')).toMatchObject({ state: 'ready', reasons: ['changed_in_place'] });
  });

  it('lets calls finish before a version is dropped', async () => {
    await world.start();
    const lease = world.catalogue.lease('m');
    world.held = {};
    await world.look();
    expect([world.closed, world.answers()]).toEqual([[], 'MODEL_NOT_FOUND']);
    lease.release();
    lease.release();
    await world.turns();
    expect(world.closed).toEqual(['1.0.0']);
  });

  it('drops it when the time to drain is over', async () => {
    await world.start();
    world.catalogue.lease('m');
    world.held = {};
    await world.look();
    expect(world.timers.waiting.map(({ milliseconds }) => milliseconds)).toContain(30_000);
    world.timers.fire();
    await world.turns();
    expect(world.facts).toContain('1.0.0 drain timed out with 1');
    expect(world.closed).toEqual(['1.0.0']);
  });

  it('keeps a deleted version until the one that replaces it is ready', async () => {
    await world.start();
    world.held['m'] = { versions: { '1.1.0': 'a' } };
    await world.look(1);
    expect(world.answers()).toBe('1.0.0');
    await world.look(2);
    expect(world.answers()).toBe('1.1.0');
    await world.look(1);
    expect([world.answers(), world.closed]).toEqual(['1.1.0', ['1.0.0']]);
  });

  it('takes nothing for gone that could not be read', async () => {
    await world.start();
    world.held = {};
    world.incomplete = true;
    world.registryProblem = 'cannot be read: EIO';
    await world.look();
    expect(world.answers()).toBe('1.0.0');
    world.incomplete = false;
    world.held['m'] = { versions: {}, complete: false };
    await world.look();
    expect(world.answers()).toBe('1.0.0');
    expect(world.facts.filter((fact) => fact.startsWith('problem'))).toEqual(['problem .: cannot be read: EIO']);
    expect(world.catalogue.problems()).toEqual(['.: cannot be read: EIO']);
  });

  it('survives a registry that throws', async () => {
    await world.start();
    world.registryProblem = 'throws';
    await world.look();
    expect(world.answers()).toBe('1.0.0');
    expect(world.facts.at(-1)).toBe('problem the registry could not be read: boom');
  });

  it('loads no more than max_resident versions, those that aliases name first', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a', '2.0.0': 'a' }, aliases: { production: '1.0.0' } };
    await world.start(1);
    expect(world.answers()).toBe('1.0.0');
    expect(world.described('2.0.0')?.reasons).toEqual(['models.max_resident is 1: there is no room for this version']);
    world.held['m'] = { versions: { '2.0.0': 'a' } };
    await world.look(4);
    expect(world.answers()).toBe('2.0.0');
  });

  it('closes: lets go of every version and loads no more', async () => {
    await world.start();
    await world.catalogue.close();
    expect(world.closed).toEqual(['1.0.0']);
    expect(world.timers.waiting).toEqual([]);
    expect(world.answers()).toBe('MODEL_NOT_FOUND');
  });
});
