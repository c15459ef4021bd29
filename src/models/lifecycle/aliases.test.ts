import { beforeEach, describe, expect, it } from 'vitest';
import { CatalogueWorld } from '../../../test/support/catalogue.js';

let world: CatalogueWorld;
beforeEach(() => {
  world = new CatalogueWorld();
});

describe('an alias', () => {
  it('moves to a version when that is ready, with no refusal in between', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a' }, aliases: { production: '1.0.0' } };
    await world.start();
    let open = () => {};
    world.gate = new Promise((resolve) => (open = resolve));
    world.held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' }, aliases: { production: '1.1.0' } };
    await world.look();
    expect([world.answers(), world.answers('1.1.0')]).toEqual(['1.0.0', 'SERVICE_UNAVAILABLE']);
    expect(world.catalogue.describe('m')?.problems).toEqual([
      'alias production moves from 1.0.0 to 1.1.0 once that is ready',
    ]);
    open();
    await world.turns();
    expect(world.answers()).toBe('1.1.0');
    expect(world.facts).toContain('production 1.0.0 → 1.1.0');
  });

  it('that means a version which failed is unavailable: nothing falls back in silence', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' }, aliases: { production: '1.1.0' } };
    world.broken.add('1.1.0');
    await world.start();
    expect([world.answers(), world.answers('@production'), world.answers('1.0.0')]).toEqual([
      'SERVICE_UNAVAILABLE',
      'SERVICE_UNAVAILABLE',
      '1.0.0',
    ]);
    expect(world.catalogue.describe('m')).toMatchObject({
      default_version: null,
      problems: ['alias production means version 1.1.0, which failed'],
    });
  });

  it('stays on the version that answers, even one that is gone, while the next one is delayed', async () => {
    world.held['m'] = { versions: { '1': 'a' }, aliases: { production: '1' } };
    await world.start();
    world.broken.add('2');
    world.held['m'] = { versions: { '2': 'no' }, aliases: { production: '2' }, arrival: 'delayed' };
    await world.look(3);
    expect([world.answers(), world.answers('2')]).toEqual(['1', 'SERVICE_UNAVAILABLE']);
    expect(world.catalogue.describe('m')?.problems).toEqual(['alias production moves from 1 to 2 once that is ready']);
    expect(world.facts.filter((fact) => fact.startsWith('2 failed'))).toHaveLength(1);
    world.broken.delete('2');
    world.held['m'] = { versions: { '2': 'yes' }, aliases: { production: '2' }, arrival: 'whole' };
    await world.look(2);
    expect(world.answers()).toBe('2');
    await world.look(1);
    expect(world.closed).toEqual(['1']);
  });

  it('that means no version at all is unavailable, and reported', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a' }, aliases: { production: '9' } };
    await world.start();
    expect(world.answers()).toBe('SERVICE_UNAVAILABLE');
    expect(world.facts).toContain('problem alias production means version 9, which does not exist');
  });

  it('stays where it was while aliases.yaml cannot be trusted', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a', '1.1.0': 'a' }, aliases: { production: '1.0.0' } };
    await world.start();
    world.held['m'].aliases = null;
    await world.look();
    expect([world.answers(), world.answers('@production')]).toEqual(['1.0.0', '1.0.0']);
    world.held['m'].aliases = {};
    await world.look();
    expect([world.answers(), world.answers('@production')]).toEqual(['1.1.0', 'MODEL_NOT_FOUND']);
  });

  it('makes the default unavailable where aliases.yaml was never readable', async () => {
    world.held['m'] = { versions: { '1.0.0': 'a' }, aliases: null };
    await world.start();
    expect([world.answers(), world.answers('@any'), world.answers('1.0.0')]).toEqual([
      'SERVICE_UNAVAILABLE',
      'SERVICE_UNAVAILABLE',
      '1.0.0',
    ]);
  });
});
