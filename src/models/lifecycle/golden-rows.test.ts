import { beforeEach, describe, expect, it } from 'vitest';
import type { ManifestExample } from '../manifest/manifest-schema.js';
import { CatalogueWorld } from '../../../test/support/catalogue.js';

let world: CatalogueWorld;
beforeEach(() => {
  world = new CatalogueWorld();
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
    world.examples = [{ features: { x: 2 }, prediction: { value: 2 } }, example];
    await world.start();
    if (message === undefined) expect(world.described('1.0.0')?.state).toBe('ready');
    else {
      expect(world.described('1.0.0')).toMatchObject({
        state: 'failed',
        reasons: [`model.yaml examples[1]: ${message}`],
      });
      expect(world.facts).toContain('1.0.0 golden 1');
      expect(world.closed).toEqual(['1.0.0']);
    }
  });

  it('without an answer only show a request; a row that gives none is told', async () => {
    world.examples = [{ features: { x: 13 } }];
    await world.start();
    expect(world.described('1.0.0')).toMatchObject({
      state: 'ready',
      reasons: ['a row of examples gave no prediction: x is NaN'],
      example: { features: { x: 13 } },
    });
  });

  it('that do not fit are told', async () => {
    world.examples = [{ features: {} }];
    await world.start();
    expect(world.described('1.0.0')?.reasons).toEqual(['examples[0] does not fit: x is missing and has no default']);
  });
});
