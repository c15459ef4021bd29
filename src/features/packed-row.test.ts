import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applicants, shops, viewOf } from '../../test/support/features.js';
import { packRow, unpackRow } from './packed-row.js';

const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double(),
  fc.constantFrom(-0, 2 ** 31, -(2 ** 31), 2 ** 53 + 2, Number.NaN, Infinity),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);
const row = fc.record({
  values: fc.tuple(value, value, value, value),
  updatedAt: fc.oneof(fc.constant(null), fc.constant(Number.NaN), fc.integer()),
});
const cached = fc.record({ row: fc.option(row), fetchedAt: fc.double({ noNaN: true }) });

describe('a packed row', () => {
  it('comes back as it went in, whatever it holds', () => {
    fc.assert(
      fc.property(cached, (it) => {
        expect(unpackRow(applicants, packRow(applicants, it))).toEqual(it);
      }),
      { numRuns: 2000 },
    );
  });

  it('is not trusted when any byte is changed', () => {
    fc.assert(
      fc.property(cached, fc.nat(), fc.integer({ min: 1, max: 255 }), (it, at, change) => {
        const packed = packRow(applicants, it);
        const index = at % packed.length;
        packed[index] = packed[index]! ^ change;
        expect(unpackRow(applicants, packed)).toBeTypeOf('string');
      }),
      { numRuns: 2000 },
    );
  });

  it('is not trusted when it is cut off or has more behind it', () => {
    fc.assert(
      fc.property(cached, fc.nat(), (it, at) => {
        const packed = packRow(applicants, it);
        expect(unpackRow(applicants, packed.subarray(0, at % packed.length))).toBeTypeOf('string');
        expect(unpackRow(applicants, Buffer.concat([packed, Buffer.from([0])]))).toBeTypeOf('string');
      }),
    );
  });

  it('never throws and never answers for bytes with a right check sum but no sense', () => {
    fc.assert(
      fc.property(cached, fc.uint8Array({ maxLength: 60 }), (it, noise) => {
        const head = packRow(applicants, it).subarray(0, 26);
        const body = Buffer.concat([head, noise]);
        const sum = Buffer.alloc(4);
        sum.writeUInt32LE(crc32(body));
        const unpacked = unpackRow(applicants, Buffer.concat([body, sum]));
        if (typeof unpacked === 'object' && unpacked.row !== null) expect(unpacked.row.values).toHaveLength(4);
      }),
      { numRuns: 2000 },
    );
  });

  it('says what is wrong: truncated, poisoned, old schema', () => {
    const packed = packRow(shops, { row: { values: [7], updatedAt: null }, fetchedAt: 1 });
    const otherDefinition = viewOf('shops: {entity: shop_id, table: shops, key: shop_id, features: {size: number}}');
    expect(unpackRow(shops, Buffer.alloc(0))).toBe('truncated');
    expect(unpackRow(otherDefinition, packed)).toBe('old_schema');
    packed[28] = 99;
    expect(unpackRow(shops, packed)).toBe('poisoned');
    packed[0] = 9;
    expect(unpackRow(shops, packed)).toBe('old_schema');
  });

  it('spends 120 bytes on ten doubles', () => {
    const names = Array.from({ length: 10 }, (_, index) => `f${index}: number`).join(', ');
    const wide = viewOf(`wide: {entity: e, table: t, key: k, features: {${names}}}`);
    const values = Array.from({ length: 10 }, (_, index) => index + 0.5);
    expect(packRow(wide, { row: { values, updatedAt: null }, fetchedAt: 0 })).toHaveLength(120);
  });
});
