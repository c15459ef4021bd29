import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonString, jsonText, jsonThousandths } from './json-text.js';
import type { JsonValue } from './json.js';

const text = fc.oneof(
  fc.string({ maxLength: 70 }),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\u0000', '\u2028', '\ud800', 'é', 'a') }),
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    ...[fc.double(), fc.integer(), text, fc.boolean(), fc.constantFrom(null, -0, 1e21, 5e-324)],
    ...[fc.array(tie('value')), fc.dictionary(text, tie('value'))],
  ),
}));

describe('JSON text', () => {
  it('of a string or a value is what JSON.stringify gives', () => {
    fc.assert(fc.property(text, (given) => jsonString(given) === JSON.stringify(given)));
    fc.assert(fc.property(anyValue, (value) => jsonText(value as JsonValue) === JSON.stringify(value)));
  });

  it('is refused for what JSON cannot hold', () => {
    const cycle: Record<string, unknown> = {};
    cycle['itself'] = cycle;
    expect(() => jsonText({ a: 1n as unknown as number })).toThrow(TypeError);
    expect(() => jsonText(cycle as never)).toThrow(RangeError);
  });

  it('of a duration is its value to the thousandth', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), (value) => {
        expect(Number(jsonThousandths(value))).toBe(Math.round(value * 1000) / 1000 + 0);
      }),
    );
    expect([0, 0.0004, 1.002, 12.03, 999.9996, Number.NaN].map(jsonThousandths)).toEqual([
      '0',
      '0',
      '1.002',
      '12.030',
      '1000',
      'null',
    ]);
  });
});
