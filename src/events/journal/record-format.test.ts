import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordBound, readRecord, writeRecord } from './record-format.js';
import { scanRecords } from './segment.js';

const texts = fc.record({
  id: fc.string({ unit: 'binary', maxLength: 40 }),
  key: fc.string({ unit: 'binary', maxLength: 40 }),
  text: fc.string({ unit: 'binary', maxLength: 200 }),
});

function written(records: readonly { id: string; key: string; text: string }[]): { bytes: Buffer; ends: number[] } {
  const bytes = Buffer.alloc(records.reduce((sum, { id, key, text }) => sum + recordBound(id, key, text), 0));
  const ends: number[] = [];
  for (const record of records) ends.push(writeRecord(bytes, ends.at(-1) ?? 0, record).end);
  return { bytes: bytes.subarray(0, ends.at(-1) ?? 0), ends };
}

describe('the record format', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(texts, (record) => {
        const { bytes } = written([record]);
        const read = readRecord(bytes, 0);
        if (typeof read !== 'object') throw new Error(String(read));
        expect([read.id, read.key, bytes.toString('utf8', read.jsonStart, read.end)]).toEqual([
          record.id,
          record.key,
          record.text,
        ]);
        expect(readRecord(bytes, read.end)).toBeUndefined();
      }),
    );
  });

  it('cut anywhere, has all whole records and calls the rest torn', () => {
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 5 }), fc.nat(), (records, at) => {
        const { bytes, ends } = written(records);
        const cut = at % (bytes.length + 1);
        const whole = ends.filter((end) => end <= cut);
        const isClean = cut === (whole.at(-1) ?? 0);
        expect(scanRecords(bytes.subarray(0, cut), 0)).toEqual({
          records: whole.length,
          end: whole.at(-1) ?? 0,
          tail: isClean ? 'clean' : 'torn',
        });
      }),
    );
  });

  it('with any byte changed, never gives a record that was not written', () => {
    fc.assert(
      fc.property(
        fc.array(texts, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, at, flip) => {
          const { bytes, ends } = written(records);
          const place = at % bytes.length;
          bytes[place] = (bytes[place] ?? 0) ^ flip;
          const { records: found, tail } = scanRecords(bytes, 0);
          expect(found).toBe(ends.filter((end) => end <= place).length);
          expect(tail).not.toBe('clean');
        },
      ),
      { numRuns: 500 },
    );
  });

  it('takes zeroes (a file that grew before its data came) for damage', () => {
    expect(scanRecords(Buffer.alloc(100), 0)).toEqual({ records: 0, end: 0, tail: 'damaged' });
  });

  it('refuses an id that its length field cannot hold', () => {
    const id = 'x'.repeat(70_000);
    expect(() => writeRecord(Buffer.alloc(recordBound(id, '', '')), 0, { id, key: '', text: '' })).toThrow(RangeError);
  });
});
