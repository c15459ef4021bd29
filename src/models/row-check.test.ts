import fc from 'fast-check';
import { expect, it } from 'vitest';
import { feature } from '../../test/support/fakes.js';
import { compileFeatureCheck, type EncodableRange } from './feature-check.js';
import { compileRowCheck } from './row-check.js';
import type { FeatureSpec } from './signature.js';

const float32: EncodableRange = { min: -3.4028234663852886e38, max: 3.4028234663852886e38 };
const features: readonly [Partial<FeatureSpec>, EncodableRange?][] = [
  [{ type: 'number' }],
  [{ type: 'number' }, float32],
  [{ type: 'number', nullable: true, min: 0 }],
  [{ type: 'number', max: 1 }],
  [{ type: 'number', min: Infinity }],
  [{ type: 'integer' }],
  [
    { type: 'integer', min: -3, max: 3 },
    { min: -128, max: 127 },
  ],
  [{ type: 'integer', enum: [1, 2] }],
  [{ type: 'boolean' }],
  [{ type: 'string', enum: ['north'] }],
  [{ shape: [2] }],
];
const values = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, 1, 1.5, 2, -4, 4, 2 ** 53, 1e39, 1e308, Infinity, -Infinity, NaN),
  fc.constantFrom<unknown>(null, undefined, true, 'north', '1', [1, 2], [], {}),
);

it.each(features)('%j: a row fits exactly when its check finds nothing', (spec, range) => {
  const full = feature('x', spec);
  const checks = compileFeatureCheck([full], [range]);
  const fits = compileRowCheck([full], [range], checks);
  fc.assert(
    fc.property(values, (value) => {
      expect(fits([value])).toBe(checks[0]?.(value, '') === undefined);
    }),
  );
});

it('one value that does not fit is enough, wherever it stands', () => {
  const specs = ['a', 'b', 'c'].map((name) => feature(name));
  const fits = compileRowCheck(specs, [], compileFeatureCheck(specs));
  expect(fits([1, 2, 3])).toBe(true);
  for (const row of [['1', 2, 3], [1, null, 3], [1, 2, Infinity], [1, 2]]) expect(fits(row)).toBe(false); // prettier-ignore
});
