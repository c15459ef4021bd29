import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileFeatureCheck, type EncodableRange } from './feature-check.js';
import type { FeatureSpec } from './signature.js';

function check(spec: Partial<FeatureSpec>, value: unknown, range?: EncodableRange) {
  const full: FeatureSpec = { name: 'x', type: 'number', nullable: false, pii: false, ...spec };
  return compileFeatureCheck([full], [range])[0]?.(value, '/features/x');
}
const only = (spec: Partial<FeatureSpec>, value: unknown) => check(spec, value)?.map(({ problem }) => problem);

describe('a feature check', () => {
  it.each<[Partial<FeatureSpec>, unknown]>([
    [{ type: 'number' }, 3.5],
    [{ type: 'number', nullable: true }, null],
    [{ type: 'integer' }, -(2 ** 53) + 1],
    [{ type: 'integer', enum: [1, 2] }, 2],
    [{ type: 'boolean' }, false],
    [{ type: 'string' }, ''],
    [{ type: 'string', nullable: true, enum: ['a'] }, null],
    [{ type: 'number', min: 0, max: 1 }, 1],
    [{ shape: [2, 2] }, [1, 2, 3, 4]],
    [
      { shape: [2, 2] },
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [{ shape: [1] }, [1]],
    [{ shape: [2], nullable: true }, [1, null]],
  ])('%j takes %j', (spec, value) => {
    expect(check(spec, value)).toBeUndefined();
  });

  it.each<[Partial<FeatureSpec>, unknown, string]>([
    [{ type: 'number' }, '3', 'wrong_type'],
    [{ type: 'number' }, true, 'wrong_type'],
    [{ type: 'number' }, Number('1e400'), 'not_finite'],
    [{ type: 'integer' }, Number('1e400'), 'not_finite'],
    [{ type: 'number' }, null, 'not_nullable'],
    [{ type: 'number' }, [1], 'wrong_type'],
    [{ type: 'number' }, {}, 'wrong_type'],
    [{ type: 'integer' }, 3.5, 'wrong_type'],
    [{ type: 'integer' }, 2 ** 53, 'unsafe_integer'],
    [{ type: 'integer', min: 0 }, -1, 'out_of_range'],
    [{ type: 'number', max: 0 }, 1, 'out_of_range'],
    [{ type: 'integer', enum: [1, 2] }, 3, 'not_in_enum'],
    [{ type: 'boolean' }, 0, 'wrong_type'],
    [{ type: 'string' }, 5, 'wrong_type'],
    [{ type: 'string' }, 'a\0b', 'wrong_type'],
    [{ type: 'string' }, 'x'.repeat(65_537), 'too_long'],
    [{ type: 'string', enum: ['north'] }, 'west', 'not_in_enum'],
    [{ shape: [2] }, 3, 'wrong_type'],
    [{ shape: [2] }, null, 'not_nullable'],
    [{ shape: [2] }, [1], 'wrong_shape'],
    [{ shape: [2, 2] }, [[1, 2], [3]], 'wrong_shape'],
    [{ shape: [2, 2] }, [[1, 2], 3], 'wrong_shape'],
    [{ shape: [2] }, [1, [2]], 'wrong_shape'],
  ])('%j refuses %j: %s', (spec, value, problem) => {
    expect(only(spec, value)).toEqual([problem]);
  });

  it('points at the elements that are wrong', () => {
    expect(
      check({ shape: [2, 2], min: 0 }, [
        [1, 'a'],
        [-1, 2],
      ]),
    ).toEqual([
      { path: '/features/x/0/1', problem: 'wrong_type', expected: 'number', received_type: 'string' },
      { path: '/features/x/1/0', problem: 'out_of_range', expected: 'number of at least 0', received_type: 'integer' },
    ]);
    expect(check({ shape: [4] }, [1, 2, 3, 'a'])?.[0]?.path).toBe('/features/x/3');
  });

  it('stops after a few problems, and goes no deeper than the shape', () => {
    expect(check({ shape: [1000] }, new Array(1000).fill('a'))).toHaveLength(20);
    let deep: unknown = 1;
    for (let i = 0; i < 20_000; i++) deep = [deep];
    expect(check({ shape: [1] }, deep)?.length).toBe(1);
  });

  it('refuses what the tensor cannot hold', () => {
    expect(check({ type: 'integer' }, 128, { min: -128, max: 127 })?.[0]?.expected).toBe(
      'integer between -128 and 127',
    );
    expect(check({ type: 'integer', min: 0 }, -1, { min: -128, max: 127 })?.[0]?.expected).toBe(
      'integer between 0 and 127',
    );
  });

  it('shows the start of a long enum, never the value', () => {
    const values = Array.from({ length: 30 }, (_, i) => `v${i}`);
    const [problem] = check({ type: 'string', enum: values }, 'secret') ?? [];
    expect(problem?.expected).toMatch(/v19, …$/);
    expect(JSON.stringify(problem)).not.toContain('secret');
  });

  it('takes a number exactly when it is finite and within bounds', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(check({ min: -10, max: 10 }, value) === undefined).toBe(Number.isFinite(value) && Math.abs(value) <= 10);
      }),
    );
  });
});
