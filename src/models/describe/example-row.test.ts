import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileFeatureCheck } from '../feature-check.js';
import type { FeatureSpec } from '../signature.js';
import { exampleRow, namedRow } from './example-row.js';
import { featuresSchema } from './feature-schema.js';

const base = { nullable: false, pii: false };
const specs: FeatureSpec[] = [
  { ...base, name: 'defaulted', type: 'number', default: 7 },
  { ...base, name: 'chosen', type: 'string', enum: ['north', 'south'], nullable: true },
  { ...base, name: 'flag', type: 'boolean' },
  { ...base, name: 'text', type: 'string' },
  { ...base, name: 'least', type: 'number', min: 3 },
  { ...base, name: 'most', type: 'integer', max: -2 },
  { ...base, name: 'image', type: 'number', shape: [2, 2], min: 0, max: 16 },
];

it('makes a row that fits', () => {
  const row = exampleRow(specs);
  expect(namedRow(specs, row)).toEqual({
    defaulted: 7,
    chosen: 'north',
    flag: false,
    text: 'text',
    least: 3,
    most: -2,
    image: [
      [8, 8],
      [8, 8],
    ],
  });
  expect(compileFeatureCheck(specs).map((check, index) => check(row[index], ''))).toEqual(specs.map(() => undefined));
});

it('keeps any bounds', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.nat(1e6),
      fc.constantFrom('number' as const, 'integer' as const),
      (min, width, type) => {
        const spec: FeatureSpec = { ...base, name: 'x', type, min, max: min + width };
        expect(compileFeatureCheck([spec])[0]?.(exampleRow([spec])[0], '')).toBeUndefined();
      },
    ),
  );
});

it('tells the features as JSON Schema', () => {
  const { properties, required } = featuresSchema(specs);
  expect(required).toEqual(['chosen', 'flag', 'text', 'least', 'most', 'image']);
  expect(properties).toMatchObject({
    defaulted: { type: 'number', default: 7 },
    chosen: { type: ['string', 'null'], enum: ['north', 'south', null] },
    image: {
      anyOf: [
        { type: 'array', minItems: 2, items: { type: 'array' } },
        { type: 'array', minItems: 4, maxItems: 4 },
      ],
    },
  });
});
